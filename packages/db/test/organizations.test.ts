import t from 'tap'
import {
  AlreadyExistsError,
  createAgent,
  createApiKey,
  createOrganization,
  deleteAgent,
  ensureUser,
  findAgent,
  findApiKeyByHash,
  findOrganization,
  findUser,
  generateApiKey,
  hashApiKey,
  isApiKey,
  isApiKeyActive,
  listAgents,
  listApiKeys,
  listOrganizations,
  revokeApiKey,
  setOrganizationActive,
  touchApiKey,
  updateAgent
} from '../src/index.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'

const database = await openTestDatabase(t)
const { db } = database

t.test('an organisation begins with its two agents and is found by id and by slug', async (t) => {
  const organization = await createOrganization(db, { slug: 'acme', name: 'Acme' })
  t.match(organization, { slug: 'acme', name: 'Acme', isActive: true, createdAt: Date })
  t.strictSame(await findOrganization(db, organization.id), organization)
  t.strictSame(await findOrganization(db, 'acme'), organization)
  t.equal(await findOrganization(db, 'none'), undefined)
  t.match(await listAgents(db, organization.id), [
    { slug: 'assistant', tools: ['calculator', 'current_time', 'search_history'], model: null },
    { slug: 'default', tools: [], model: null }
  ])
})

t.test('a slug that is taken is a typed error that leaves nothing', async (t) => {
  await createOrganization(db, { slug: 'taken', name: 'First' })
  const before = (await listOrganizations(db, { limit: 100 })).items.length
  await t.rejects(createOrganization(db, { slug: 'taken', name: 'Second' }), {
    code: 'ALREADY_EXISTS',
    field: 'slug',
    message: 'slug: "taken" exists already'
  })
  t.equal((await listOrganizations(db, { limit: 100 })).items.length, before)
})

t.test('organisations are listed newest first, page by page', async (t) => {
  const [first, second] = [await addOrganization(database), await addOrganization(database)]
  const page = await listOrganizations(db, { limit: 1 })
  t.match(page, { items: [{ id: second.orgId }], nextCursor: String })
  const next = await listOrganizations(db, { limit: 1, cursor: page.nextCursor ?? '' })
  t.match(next.items, [{ id: first.orgId }])
})

t.test('a key is stored as a hash and leads to its organisation until it is revoked', async (t) => {
  const { orgId } = await addOrganization(database)
  const created = await createApiKey(db, orgId, { name: 'ci', role: 'member' })
  t.match(created, { name: 'ci', role: 'member', key: /^sb_[0-9a-f]{12}_[0-9a-f]{64}$/, lastUsedAt: null })
  const owner = await findApiKeyByHash(db, hashApiKey(created.key))
  t.match(owner, { keyId: created.id, orgId, orgSlug: /^org-/, role: 'member' })
  const stored = await db.selectFrom('api_keys').selectAll().where('org_id', '=', orgId).execute()
  t.notMatch(JSON.stringify(stored), created.key.slice(16), 'the secret is nowhere in the row')
  t.notMatch(JSON.stringify(await listApiKeys(db, orgId)), created.key.slice(16))

  t.equal(await isApiKeyActive(db, orgId, created.id), true)
  t.equal(await revokeApiKey(db, orgId, created.id), true)
  t.equal(await revokeApiKey(db, orgId, created.id), false)
  t.equal(await isApiKeyActive(db, orgId, created.id), false)
  t.equal(await findApiKeyByHash(db, hashApiKey(created.key)), undefined)
  t.match(await listApiKeys(db, orgId), [{ id: created.id, revokedAt: Date }])
})

t.test('the keys of an inactive organisation are not found until it is active again', async (t) => {
  const { orgId } = await addOrganization(database)
  const { key } = await createApiKey(db, orgId, { name: 'k', role: 'admin' })
  t.equal(await setOrganizationActive(db, orgId, false), true)
  t.equal(await findApiKeyByHash(db, hashApiKey(key)), undefined)
  t.match(await findOrganization(db, orgId), { isActive: false })
  await setOrganizationActive(db, orgId, true)
  t.match(await findApiKeyByHash(db, hashApiKey(key)), { orgId })
})

t.test('a given key is kept when it has the form of one, once', async (t) => {
  const { orgId } = await addOrganization(database)
  const key = generateApiKey()
  t.match(await createApiKey(db, orgId, { name: 'dev', role: 'admin', key }), { key, id: key.slice(3, 15) })
  await t.rejects(createApiKey(db, orgId, { name: 'dev', role: 'admin', key }), AlreadyExistsError)
  const { orgId: other } = await addOrganization(database)
  await t.rejects(createApiKey(db, other, { name: 'dev', role: 'admin', key }), AlreadyExistsError)
  for (const bad of ['', 'sb_x_y', `${key} `, key.replace('sb_', 'sk_'), `sb_${'a'.repeat(12)}_short`]) {
    t.notOk(isApiKey(bad))
    await t.rejects(createApiKey(db, orgId, { name: 'dev', role: 'admin', key: bad }), TypeError)
  }
})

t.test('the last use of a key is noted, at most once a minute', async (t) => {
  const { orgId } = await addOrganization(database)
  const { id } = await createApiKey(db, orgId, { name: 'k', role: 'admin' })
  const lastUse = async () => (await listApiKeys(db, orgId))[0]?.lastUsedAt?.getTime()
  await touchApiKey(db, orgId, id)
  const first = await lastUse()
  t.ok(first)
  await touchApiKey(db, orgId, id)
  t.equal(await lastUse(), first)
  const twoMinutesAgo = new Date(Date.now() - 120_000)
  await db.updateTable('api_keys').set({ last_used_at: twoMinutesAgo }).where('id', '=', id).execute()
  await touchApiKey(db, orgId, id)
  t.ok(((await lastUse()) ?? 0) > twoMinutesAgo.getTime() + 60_000)
})

t.test('an end user has one id, also when first seen by many requests at once', async (t) => {
  const { orgId } = await addOrganization(database)
  t.equal(await findUser(db, orgId, 'ann'), undefined)
  const ids = await Promise.all(Array.from({ length: 10 }, () => ensureUser(db, orgId, 'ann')))
  t.equal(new Set(ids).size, 1)
  t.equal(await findUser(db, orgId, 'ann'), ids[0])
  t.not(await ensureUser(db, orgId, 'bob'), ids[0])
})

t.test('an agent is created, changed field by field, and deleted', async (t) => {
  const { orgId } = await addOrganization(database)
  const fields = {
    slug: 'support',
    name: 'Support',
    systemPrompt: 'Be kind',
    model: 'simulator',
    temperature: 0.7,
    maxTokens: 500,
    tools: ['calculator']
  }
  const agent = await createAgent(db, orgId, fields)
  t.match(agent, fields)
  t.strictSame(await findAgent(db, orgId, agent.id), agent)
  t.strictSame(await findAgent(db, orgId, 'support'), agent)
  await t.rejects(createAgent(db, orgId, fields), { code: 'ALREADY_EXISTS', field: 'slug' })

  t.match(await updateAgent(db, orgId, agent.id, { name: 'Help', model: undefined }), { ...fields, name: 'Help' })
  t.match(await updateAgent(db, orgId, agent.id, { model: null, temperature: null, maxTokens: null, tools: [] }), {
    model: null,
    temperature: null,
    maxTokens: null,
    tools: []
  })
  t.match(await updateAgent(db, orgId, agent.id, {}), { name: 'Help' })
  t.equal(await deleteAgent(db, orgId, agent.id), true)
  t.equal(await deleteAgent(db, orgId, agent.id), false)
  t.equal(await updateAgent(db, orgId, agent.id, { name: 'x' }), undefined)
})

t.test('the default agent cannot be deleted', async (t) => {
  const { orgId, agentId } = await addOrganization(database)
  t.equal(await deleteAgent(db, orgId, agentId), false)
  t.match(await findAgent(db, orgId, 'default'), { id: agentId })
})
