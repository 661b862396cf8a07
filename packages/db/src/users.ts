import type { Kysely } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import type { Database } from './schema.ts'

/** The id of an end user by the caller's own name for it; the first call with a name creates the user. */
export async function ensureUser(db: Kysely<Database>, orgId: string, externalId: string): Promise<string> {
  const found = await findUser(db, orgId, externalId)
  if (found !== undefined) return found

  const created = await db
    .insertInto('users')
    .values({ org_id: orgId, id: uuidv7(), external_id: externalId })
    // A concurrent first call wins; the update, which changes nothing, makes its id come back.
    .onConflict((oc) => oc.columns(['org_id', 'external_id']).doUpdateSet({ external_id: externalId }))
    .returning('id')
    .executeTakeFirstOrThrow()
  return created.id
}

/** The id of an end user; undefined when the organisation has none of that name. */
export async function findUser(db: Kysely<Database>, orgId: string, externalId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('users')
    .select('id')
    .where('org_id', '=', orgId)
    .where('external_id', '=', externalId)
    .executeTakeFirst()
  return row?.id
}
