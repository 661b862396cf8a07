import { hash, randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { ApiKeyRole, Database } from './schema.ts'
import { namingDuplicates } from './unique-violation.ts'

/** A key without its text, which is stored nowhere. */
export interface ApiKey {
  id: string
  name: string
  role: ApiKeyRole
  createdAt: Date
  lastUsedAt: Date | null
  revokedAt: Date | null
}

/** Whom a presented key belongs to. */
export interface ApiKeyOwner {
  keyId: string
  orgId: string
  orgSlug: string
  role: ApiKeyRole
}

const KEY = /^sb_([0-9a-z]{12})_([0-9A-Za-z]{43,86})$/
const COLUMNS = [
  'id',
  'name',
  'role',
  'created_at as createdAt',
  'last_used_at as lastUsedAt',
  'revoked_at as revokedAt'
] as const

/** A new random key, `sb_<id>_<secret>`: 48 bits of id and 256 bits of secret. */
export function generateApiKey(): string {
  return `sb_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('hex')}`
}

/** Whether the text has the form of a key; says nothing about whether it is valid. */
export function isApiKey(text: string): boolean {
  return KEY.test(text)
}

/** SHA-256 of the whole key: all that is stored of it. Enough for a 256-bit random secret, which no one can guess. */
export function hashApiKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}

/**
 * Creates a key; its text is in the answer and nowhere else. `key` stores a given one instead of a random one.
 * @throws TypeError when `key` has not the form of a key; AlreadyExistsError when it, or its id, is stored already.
 */
export async function createApiKey(
  db: Kysely<Database>,
  orgId: string,
  options: { name: string; role: ApiKeyRole; key?: string | undefined }
): Promise<ApiKey & { key: string }> {
  const { name, role, key = generateApiKey() } = options
  const id = KEY.exec(key)?.[1]
  if (id === undefined) throw new TypeError('key: expected sb_<id>_<secret>')
  const duplicates = {
    api_keys_pkey: { field: 'id', value: id },
    api_keys_key_hash_key: { field: 'id', value: id }
  }

  const created = await namingDuplicates(duplicates, () =>
    db
      .insertInto('api_keys')
      .values({ org_id: orgId, id, name, role, key_hash: hashApiKey(key) })
      .returning(COLUMNS)
      .executeTakeFirstOrThrow()
  )
  return { ...created, key }
}

/** The owner of a key by its hash; undefined when it is unknown or revoked, or its organisation inactive. */
export async function findApiKeyByHash(db: Kysely<Database>, hash: Buffer): Promise<ApiKeyOwner | undefined> {
  return await db
    .selectFrom('api_keys as k')
    .innerJoin('organizations as o', 'o.id', 'k.org_id')
    .select(['k.id as keyId', 'k.org_id as orgId', 'o.slug as orgSlug', 'k.role'])
    .where('k.key_hash', '=', hash)
    .where('k.revoked_at', 'is', null)
    .where('o.is_active', '=', true)
    .executeTakeFirst()
}

/** Whether an organisation has this key and has not revoked it; for credentials that were minted from a key. */
export async function isApiKeyActive(db: Kysely<Database>, orgId: string, keyId: string): Promise<boolean> {
  const row = await db
    .selectFrom('api_keys')
    .select('id')
    .where('org_id', '=', orgId)
    .where('id', '=', keyId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row !== undefined
}

/** An organisation's keys, newest first, the revoked ones included. */
export async function listApiKeys(db: Kysely<Database>, orgId: string): Promise<ApiKey[]> {
  return await db
    .selectFrom('api_keys')
    .select(COLUMNS)
    .where('org_id', '=', orgId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .execute()
}

/** Ends a key for good. False: there is no such key, or it was revoked before. */
export async function revokeApiKey(db: Kysely<Database>, orgId: string, keyId: string): Promise<boolean> {
  const result = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('org_id', '=', orgId)
    .where('id', '=', keyId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** Notes that a key is in use; writes at most once a minute, so it may be called for every request. */
export async function touchApiKey(db: Kysely<Database>, orgId: string, keyId: string): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ last_used_at: sql<Date>`now()` })
    .where('org_id', '=', orgId)
    .where('id', '=', keyId)
    .where((eb) =>
      eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', sql<Date>`now() - interval '1 minute'`)])
    )
    .execute()
}
