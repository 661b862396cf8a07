import type { Kysely } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { BUILT_IN_AGENTS } from './built-in-agents.ts'
import { decodeCursor } from './cursor.ts'
import { type Page, type PageRequest, rowsToFetch, toPage } from './page.ts'
import type { Database } from './schema.ts'
import { namingDuplicates } from './unique-violation.ts'
import { isUuid } from './uuid-time.ts'

export interface Organization {
  id: string
  slug: string
  name: string
  isActive: boolean
  createdAt: Date
}

const COLUMNS = ['id', 'slug', 'name', 'is_active as isActive', 'created_at as createdAt'] as const

/**
 * Creates an organisation with its two agents: `default` without tools and `assistant` with the built-in ones.
 * @throws AlreadyExistsError when the slug is taken.
 */
export async function createOrganization(
  db: Kysely<Database>,
  organization: { slug: string; name: string; id?: string | undefined }
): Promise<Organization> {
  const { slug, name, id = uuidv7() } = organization
  const duplicates = { organizations_slug_key: { field: 'slug', value: slug } }

  return await namingDuplicates(duplicates, () =>
    db.transaction().execute(async (transaction) => {
      const created = await transaction
        .insertInto('organizations')
        .values({ id, slug, name })
        .returning(COLUMNS)
        .executeTakeFirstOrThrow()
      const agents = BUILT_IN_AGENTS.map((agent) => ({ org_id: id, id: uuidv7(), ...agent }))
      await transaction.insertInto('agents').values(agents).execute()
      return created
    })
  )
}

/** By id or by slug; undefined when there is none. */
export async function findOrganization(db: Kysely<Database>, idOrSlug: string): Promise<Organization | undefined> {
  return await db
    .selectFrom('organizations')
    .select(COLUMNS)
    .where(isUuid(idOrSlug) ? 'id' : 'slug', '=', idOrSlug)
    .executeTakeFirst()
}

/** Every organisation, newest first. */
export async function listOrganizations(db: Kysely<Database>, page: PageRequest): Promise<Page<Organization>> {
  let query = db.selectFrom('organizations').select(COLUMNS)
  if (page.cursor !== undefined) {
    const after = decodeCursor('organizations', page.cursor)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(new Date(after.order), after.id)))
  }
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(rowsToFetch(page)).execute()
  return toPage('organizations', page, rows, (row) => ({ order: row.createdAt.getTime(), id: row.id }))
}

/** Lets an organisation in or keeps it out: the keys of an inactive one are not found. False: no such one. */
export async function setOrganizationActive(db: Kysely<Database>, orgId: string, active: boolean): Promise<boolean> {
  const result = await db
    .updateTable('organizations')
    .set({ is_active: active, updated_at: new Date() })
    .where('id', '=', orgId)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}
