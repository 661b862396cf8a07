import {
  type ApiKeyOwner,
  type Database,
  ensureUser,
  findApiKeyByHash,
  findOrganization,
  isApiKeyActive,
  type Organization,
  touchApiKey
} from '@semibot/db'
import type { Kysely } from 'kysely'
import { LRUCache } from 'lru-cache'
import { CREDENTIAL_CACHE_ENTRIES, CREDENTIAL_CACHE_MS } from '../constants/config.ts'

/** What authentication asks of the database. Each answer is remembered for CREDENTIAL_CACHE_MS. */
export interface Credentials {
  /** Owner of the key with this SHA-256 hash; undefined: unknown or revoked. */
  keyOwner(hash: Buffer): Promise<ApiKeyOwner | undefined>
  /** Whether the organisation has this key and has not revoked it. */
  isKeyActive(orgId: string, keyId: string): Promise<boolean>
  /** An active organisation by its id. */
  organization(orgId: string): Promise<Organization | undefined>
  /** Our id of an end user, who is stored on first sight. */
  userId(orgId: string, externalId: string): Promise<string>
}

export interface CredentialsOptions {
  db: Kysely<Database>
  /** Where the last use of a key is noted, beside the request. */
  backgroundDb: Kysely<Database>
  onTouchError: (error: unknown) => void
  /** Milliseconds; only differences count. */
  now?: () => number
}

/** A question to the database, as key of a cache and as what is asked. */
interface Question<A> {
  key: string
  ask: () => Promise<A | undefined>
}

/**
 * Remembers answers, and asks only once for what many requests want at the same time. While the
 * database is away an old answer is better than none: chats that need no database go on.
 */
function createMemory<A extends object | string | true>(now: () => number) {
  const cache = new LRUCache<string, A, Question<A>>({
    max: CREDENTIAL_CACHE_ENTRIES,
    ttl: CREDENTIAL_CACHE_MS,
    ttlResolution: 0,
    perf: { now },
    noDeleteOnFetchRejection: true,
    fetchMethod: (_key, _stale, { context }) => context.ask()
  })
  return async ({ key, ask }: Question<A>): Promise<A | undefined> => {
    try {
      const answer = await cache.fetch(key, { context: { key, ask } })
      // The cache would keep what was true before, and give it again when the database is away.
      if (answer === undefined) cache.delete(key)
      return answer
    } catch (error) {
      const stale = cache.get(key, { allowStale: true, noDeleteOnStaleGet: true })
      if (stale === undefined) throw error
      return stale
    }
  }
}

export function createCredentials(options: CredentialsOptions): Credentials {
  const { db, backgroundDb, onTouchError, now = () => performance.now() } = options
  const keyOwners = createMemory<ApiKeyOwner>(now)
  const activeKeys = createMemory<true>(now)
  const organizations = createMemory<Organization>(now)
  const userIds = createMemory<string>(now)

  async function askKeyOwner(hash: Buffer): Promise<ApiKeyOwner | undefined> {
    const owner = await findApiKeyByHash(db, hash)
    if (owner !== undefined) touchApiKey(backgroundDb, owner.orgId, owner.keyId).catch(onTouchError)
    return owner
  }

  return {
    // The hash of a 256-bit secret may be a key of a Map: nobody can steer its bytes by guessing.
    keyOwner: (hash) => keyOwners({ key: hash.toString('base64'), ask: () => askKeyOwner(hash) }),
    isKeyActive: async (orgId, keyId) =>
      (await activeKeys({
        key: `${orgId}/${keyId}`,
        ask: async () => (await isApiKeyActive(db, orgId, keyId)) || undefined
      })) ?? false,
    organization: (orgId) =>
      organizations({
        key: orgId,
        ask: async () => {
          const found = await findOrganization(db, orgId)
          return found?.isActive ? found : undefined
        }
      }),
    userId: async (orgId, externalId) => {
      const id = await userIds({ key: `${orgId}/${externalId}`, ask: () => ensureUser(db, orgId, externalId) })
      if (id === undefined) throw new Error('ensureUser answered without an id')
      return id
    }
  }
}
