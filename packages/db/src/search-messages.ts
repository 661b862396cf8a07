import { type Kysely, sql } from 'kysely'
import type { Database, MessageRole } from './schema.ts'
import { searchTerms } from './search-terms.ts'

/** A message that matches a search. */
export interface FoundMessage {
  id: string
  sessionId: string
  role: MessageRole
  /** At most 600 characters of it, around its first match. */
  excerpt: string
  createdAt: Date
  /** How much of the query occurs in it, 0.5..1, longer words counting more. */
  score: number
}

// What one search looks at, at most.
const MAX_SESSIONS = 50
const MAX_MESSAGES_OF_SESSION = 100
const MAX_MESSAGES_OF_ORG = 3000
const MAX_RESULTS = 50
const MAX_QUERY_LENGTH = 1000
const SEARCHED_CHARACTERS = 20_000

/**
 * Searches what was said, by the user and by the assistant: best match first, then the newest. Words match
 * anywhere in the text, in any letter case and in any language; half of the query has to match.
 * Looks at the newest 50 sessions of `userScope` (100 messages of each), or without it at the newest 3,000
 * messages of the organisation, and at the first 20,000 characters of each.
 */
export async function searchMessages(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  query: string,
  limit: number
): Promise<FoundMessage[]> {
  const terms = searchTerms(query.slice(0, MAX_QUERY_LENGTH))
  if (terms.length === 0) return []
  const weight = terms.reduce((sum, term) => sum + term.length, 0)
  const candidates = userScope === null ? ofOrganization(orgId) : ofUser(orgId, userScope)

  const result = await sql<FoundMessage>`
    with terms as (select term, lower(term) as needle, length(term) as weight from unnest(${terms}::text[]) term)
    select m.id, m.session_id as "sessionId", m.role, m.created_at as "createdAt",
      match.weight::float8 / ${weight}::float8 as score,
      substr(m.content, greatest(match.first - 150, 1)::integer, 600) as excerpt
    from (${candidates}) m
    cross join lateral (
      select sum(terms.weight) as weight, min(position(terms.needle in body.text)) as first
      from (select lower(left(m.content, ${SEARCHED_CHARACTERS})) as text offset 0) body, terms
      where position(terms.needle in body.text) > 0
    ) match
    where match.weight >= ${weight}::float8 / 2
    order by score desc, m.created_at desc, m.id desc
    limit ${Math.min(Math.max(Math.trunc(limit) || 1, 1), MAX_RESULTS)}`.execute(db)
  return result.rows
}

function ofUser(orgId: string, userId: string) {
  return sql`
    select latest.* from (
      select id from sessions
      where org_id = ${orgId} and user_id = ${userId} and deleted_at is null
      order by created_at desc, id desc limit ${MAX_SESSIONS}
    ) s
    cross join lateral (
      select id, session_id, role, content, created_at from messages
      where org_id = ${orgId} and session_id = s.id and role in ('user', 'assistant')
      order by seq desc limit ${MAX_MESSAGES_OF_SESSION}
    ) latest`
}

function ofOrganization(orgId: string) {
  return sql`
    select latest.* from (
      select id, session_id, role, content, created_at from messages
      where org_id = ${orgId} and role in ('user', 'assistant')
      order by id desc limit ${MAX_MESSAGES_OF_ORG}
    ) latest
    where exists (
      select from sessions s where s.org_id = ${orgId} and s.id = latest.session_id and s.deleted_at is null)`
}
