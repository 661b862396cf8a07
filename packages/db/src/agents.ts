import { type Kysely, sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { DEFAULT_AGENT_SLUG } from './built-in-agents.ts'
import type { Database } from './schema.ts'
import { namingDuplicates } from './unique-violation.ts'
import { isUuid } from './uuid-time.ts'

/** An agent of an organisation. */
export interface Agent {
  id: string
  slug: string
  name: string
  systemPrompt: string
  /** null: the service's default model. */
  model: string | null
  temperature: number | null
  maxTokens: number | null
  /** Names of the tools that it may use. */
  tools: string[]
  createdAt: Date
  updatedAt: Date
}

/** The fields of an agent that its organisation's admin sets. */
export interface AgentFields {
  name: string
  systemPrompt: string
  model: string | null
  temperature: number | null
  maxTokens: number | null
  tools: string[]
}

type AgentChanges = { [Field in keyof AgentFields]?: AgentFields[Field] | undefined }

const COLUMNS = [
  'id',
  'slug',
  'name',
  'system_prompt as systemPrompt',
  'model',
  'temperature',
  'max_tokens as maxTokens',
  'tools',
  'created_at as createdAt',
  'updated_at as updatedAt'
] as const

/** Creates an agent. @throws AlreadyExistsError when the organisation has one of this slug */
export async function createAgent(
  db: Kysely<Database>,
  orgId: string,
  agent: AgentFields & { slug: string }
): Promise<Agent> {
  const duplicates = { agents_org_id_slug_key: { field: 'slug', value: agent.slug } }
  const values = { org_id: orgId, id: uuidv7(), slug: agent.slug, ...toColumns(agent), name: agent.name }
  return await namingDuplicates(duplicates, () =>
    db.insertInto('agents').values(values).returning(COLUMNS).executeTakeFirstOrThrow()
  )
}

/** An organisation's agents by slug. */
export async function listAgents(db: Kysely<Database>, orgId: string): Promise<Agent[]> {
  return await db.selectFrom('agents').select(COLUMNS).where('org_id', '=', orgId).orderBy('slug').execute()
}

/** By id or by slug; undefined when the organisation has no such agent. */
export async function findAgent(db: Kysely<Database>, orgId: string, idOrSlug: string): Promise<Agent | undefined> {
  return await db
    .selectFrom('agents')
    .select(COLUMNS)
    .where('org_id', '=', orgId)
    .where(isUuid(idOrSlug) ? 'id' : 'slug', '=', idOrSlug)
    .executeTakeFirst()
}

/** Changes the given fields only. Undefined: the organisation has no such agent. */
export async function updateAgent(
  db: Kysely<Database>,
  orgId: string,
  agentId: string,
  changes: AgentChanges
): Promise<Agent | undefined> {
  return await db
    .updateTable('agents')
    .set({ ...toColumns(changes), updated_at: sql<Date>`now()` })
    .where('org_id', '=', orgId)
    .where('id', '=', agentId)
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** Whether sessions that are not deleted are answered by this agent. */
export async function isAgentInUse(db: Kysely<Database>, orgId: string, agentId: string): Promise<boolean> {
  const row = await db
    .selectFrom('sessions')
    .select('id')
    .where('org_id', '=', orgId)
    .where('agent_id', '=', agentId)
    .where('deleted_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** False: no such agent, or it is the `default` one, which every organisation keeps. */
export async function deleteAgent(db: Kysely<Database>, orgId: string, agentId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('agents')
    .where('org_id', '=', orgId)
    .where('id', '=', agentId)
    .where('slug', '!=', DEFAULT_AGENT_SLUG)
    .executeTakeFirst()
  return result.numDeletedRows > 0n
}

function toColumns(fields: AgentChanges) {
  const { name, systemPrompt, model, temperature, maxTokens, tools } = fields
  return {
    ...(name === undefined ? {} : { name }),
    ...(systemPrompt === undefined ? {} : { system_prompt: systemPrompt }),
    ...(model === undefined ? {} : { model }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(tools === undefined ? {} : { tools })
  }
}
