import { createApiKey, createDatabase, createOrganization, hashApiKey, revokeApiKey } from '@semibot/db'
import { createTestDatabase, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { createCredentials } from '../../src/auth/credentials.ts'
import { CREDENTIAL_CACHE_MS } from '../../src/constants/config.ts'

t.test('credentials are remembered', async (t) => {
  const url = await createTestDatabase(t)
  const handle = createDatabase({ url, max: 4, applicationName: 'credentials-test' })
  t.teardown(() => handle.close())
  const { db } = handle
  const org = await createOrganization(db, { slug: 'acme', name: 'Acme' })
  const { key, id } = await createApiKey(db, org.id, { name: 'k', role: 'admin' })
  const errors: unknown[] = []
  const create = () => createCredentials({ db, backgroundDb: db, onTouchError: (error) => errors.push(error) })

  await t.test('the owner of a key is found by the hash, and its use is noted', async (t) => {
    const owner = await create().keyOwner(hashApiKey(key))
    t.same(owner, { keyId: id, orgId: org.id, orgSlug: 'acme', role: 'admin' })
    const lastUsedAt = () =>
      db.selectFrom('api_keys').select('last_used_at').where('id', '=', id).executeTakeFirstOrThrow()
    await waitFor(async () => (await lastUsedAt()).last_used_at !== null, {
      timeoutMs: 5000,
      what: 'the use of the key to be noted'
    })
    t.same(errors, [])
  })

  await t.test('an unknown key is not remembered as unknown', async (t) => {
    const credentials = create()
    const later = `sb_00000000000a_${'b'.repeat(64)}`
    t.equal(await credentials.keyOwner(hashApiKey(later)), undefined)
    await createApiKey(db, org.id, { name: 'later', role: 'member', key: later })
    t.equal((await credentials.keyOwner(hashApiKey(later)))?.role, 'member')
  })

  await t.test('answers that are remembered need no database', async (t) => {
    const own = createDatabase({ url, max: 1, applicationName: 'credentials-test-own' })
    const credentials = createCredentials({ db: own.db, backgroundDb: db, onTouchError: () => undefined })
    const ask = async () => [
      await credentials.keyOwner(hashApiKey(key)),
      await credentials.isKeyActive(org.id, id),
      await credentials.organization(org.id),
      await credentials.userId(org.id, 'user-1')
    ]
    const first = await ask()
    await own.close()
    t.same(await ask(), first)
    await t.rejects(credentials.userId(org.id, 'user-2'))
    await t.rejects(credentials.keyOwner(hashApiKey('sb_other')), 'not the same as an unknown key')
  })

  await t.test('a revocation takes effect when what is remembered runs out', async (t) => {
    let time = 1
    const credentials = createCredentials({ db, backgroundDb: db, onTouchError: () => undefined, now: () => time })
    const revoked = await createApiKey(db, org.id, { name: 'revoked', role: 'member' })
    const ask = async () => [
      (await credentials.keyOwner(hashApiKey(revoked.key))) !== undefined,
      await credentials.isKeyActive(org.id, revoked.id)
    ]
    t.same(await ask(), [true, true])
    await revokeApiKey(db, org.id, revoked.id)
    time += CREDENTIAL_CACHE_MS - 1
    t.same(await ask(), [true, true])
    time += 2
    t.same(await ask(), [false, false])
  })

  await t.test('while the database is away an old answer is better than none', async (t) => {
    let time = 1
    const own = createDatabase({ url, max: 1, applicationName: 'credentials-test-away' })
    const options = { db: own.db, backgroundDb: db, onTouchError: () => undefined, now: () => time }
    const credentials = createCredentials(options)
    const owner = await credentials.keyOwner(hashApiKey(key))
    t.ok(owner)
    await own.close()
    time += 10 * CREDENTIAL_CACHE_MS
    t.same(await credentials.keyOwner(hashApiKey(key)), owner)
    t.same(await credentials.keyOwner(hashApiKey(key)), owner, 'and it stays')
  })

  await t.test('a key that was found revoked stays so while the database is away', async (t) => {
    let time = 1
    const own = createDatabase({ url, max: 1, applicationName: 'credentials-test-revoked' })
    const options = { db: own.db, backgroundDb: db, onTouchError: () => undefined, now: () => time }
    const credentials = createCredentials(options)
    const revoked = await createApiKey(db, org.id, { name: 'revoked', role: 'member' })
    t.ok(await credentials.keyOwner(hashApiKey(revoked.key)))
    await revokeApiKey(db, org.id, revoked.id)
    time += 2 * CREDENTIAL_CACHE_MS
    t.equal(await credentials.keyOwner(hashApiKey(revoked.key)), undefined)
    await own.close()
    await t.rejects(credentials.keyOwner(hashApiKey(revoked.key)))
  })

  await t.test('many requests of the same user at once make one user', async (t) => {
    const credentials = create()
    const ids = await Promise.all(Array.from({ length: 20 }, () => credentials.userId(org.id, 'user-3')))
    t.equal(new Set(ids).size, 1)
  })
})
