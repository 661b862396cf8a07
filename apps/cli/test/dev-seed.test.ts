import { createDatabase, findApiKeyByHash, generateApiKey, hashApiKey } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { json, semibot, semibotHere } from './fixtures/semibot.ts'

interface Seed {
  runtimeOrg: { id: string; slug: string; apiKey: string }
  directOrg: { id: string; slug: string; apiKey: string }
}

t.test('two organisations with a working key each; keys of an earlier call are kept', async (t) => {
  const url = await createTestDatabase(t)
  const env = { DATABASE_URL: url }
  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
  t.teardown(close)
  const seed = async (more: Record<string, string> = {}) =>
    json<Seed>(await semibotHere(['dev', 'seed'], { ...env, ...more }))

  const first = await seed()
  t.match(first, { runtimeOrg: { slug: 'dev-runtime' }, directOrg: { slug: 'dev-direct' } })
  const owner = await findApiKeyByHash(db, hashApiKey(first.runtimeOrg.apiKey))
  t.match(owner, { orgId: first.runtimeOrg.id, role: 'admin' })

  const kept = { SEMIBOT_DEV_KEY: first.runtimeOrg.apiKey, SEMIBOT_DEV_KEY_DIRECT: first.directOrg.apiKey }
  t.same(await seed(kept), first)

  const anew = await seed({ SEMIBOT_DEV_KEY: 'nonsense' })
  t.equal(anew.runtimeOrg.id, first.runtimeOrg.id, 'the organisations stay')
  t.not(anew.runtimeOrg.apiKey, first.runtimeOrg.apiKey, 'a key that is none is replaced')

  const swapped = await seed({ SEMIBOT_DEV_KEY: first.directOrg.apiKey })
  t.match(swapped.runtimeOrg.apiKey, /^sb_/)
  t.match(
    await findApiKeyByHash(db, hashApiKey(swapped.runtimeOrg.apiKey)),
    { orgId: first.runtimeOrg.id },
    "another organisation's key is not taken over"
  )

  const own = generateApiKey()
  t.equal((await seed({ SEMIBOT_DEV_KEY: own })).runtimeOrg.apiKey, own, 'a key of a former database is stored again')

  await semibotHere(['keys', 'revoke', 'dev-runtime', own], env)
  t.not((await seed({ SEMIBOT_DEV_KEY: own })).runtimeOrg.apiKey, own, 'a revoked key does not come back')
})

t.test('two starts at the same time make the organisations once', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t) }
  const [left, right] = await Promise.all([semibot(['dev', 'seed'], env), semibot(['dev', 'seed'], env)])
  t.equal(json<Seed>(left).runtimeOrg.id, json<Seed>(right).runtimeOrg.id)
  t.equal(json<unknown[]>(await semibotHere(['orgs', 'list', '--json'], env)).length, 2)
})

t.test('production has no development organisations', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t), NODE_ENV: 'production' }
  t.match(await semibotHere(['dev', 'seed'], env), { code: 1, stdout: '', stderr: /it is off in production\n$/ })
  t.same(json(await semibotHere(['orgs', 'list', '--json'], env)), [])
})
