import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { bearer } from './helpers/bearer.ts'
import { buildTestApp, type TestOrganization } from './helpers/build-test-app.ts'
import { collectRoutes } from './helpers/collect-routes.ts'
import { OPERATOR_ROUTES, ORGANIZATION_ROUTES, PUBLIC_ROUTES, type Resources } from './helpers/isolation-table.ts'
import { ADMIN_TOKEN } from './helpers/test-env.ts'
import { makeJwt, wrongCredentials } from './helpers/wrong-credentials.ts'

type Headers = Record<string, string>
type Call = (method: string, path: string, headers: object, body?: object) => Promise<{ status: number; text: string }>

const simulator = await startSimulator(t)
const { result: test, routes } = await collectRoutes(() => buildTestApp(t, { LLM_BASE_URL: simulator.baseUrl }))
const { app } = test
const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })

const call: Call = async (method, path, headers, body) => {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  return { status: response.status, text: await response.text() }
}

/** A session with a finished execution, and an agent, of the owner. */
async function createResources(owner: Headers): Promise<Resources> {
  const slug = `agent-${crypto.randomUUID()}`
  const admin = Object.fromEntries(Object.entries(owner).filter(([name]) => name === 'authorization'))
  const agent = JSON.parse((await call('POST', '/api/v1/agents', admin, { slug, name: 'Own' })).text)
  const chat = JSON.parse((await call('POST', '/api/v1/chat', owner, { message: 'hello', stream: false })).text)
  return { sessionId: chat.data.sessionId, executionId: chat.data.executionId, agentId: agent.data.id }
}

/** Everything that is stored of an organisation. */
async function storedOf({ id }: TestOrganization): Promise<unknown> {
  const tables = ['users', 'agents', 'sessions', 'messages', 'executions', 'idempotency_keys'] as const
  return Promise.all(tables.map((table) => app.db.selectFrom(table).selectAll().where('org_id', '=', id).execute()))
}

const names = (text: string, resources: Resources) => Object.values(resources).filter((id) => text.includes(id))

const acme = await test.createOrganization('acme')
const other = await test.createOrganization('other')

t.test('every route is known: open, of an organisation, or of the operator', async (t) => {
  const isPublic = (route: string) => PUBLIC_ROUTES.some((pattern) => pattern.test(route))
  for (const route of routes) {
    const kinds = [route in ORGANIZATION_ROUTES, OPERATOR_ROUTES.includes(route), isPublic(route)].filter(Boolean)
    t.equal(kinds.length, 1, `${route} needs one row in isolation-table.ts`)
  }
  for (const route of [...Object.keys(ORGANIZATION_ROUTES), ...OPERATOR_ROUTES]) {
    t.ok(routes.has(route), `${route} exists`)
  }
})

t.test('nobody gets in with wrong credentials', async (t) => {
  const wrong = await wrongCredentials(test, acme)
  const organizationWrong = { ...wrong, 'the token of the operator': bearer(ADMIN_TOKEN) }
  const operatorWrong = { ...wrong, 'the key of an admin of an organisation': acme.admin.headers }
  let address = 0
  for (const route of routes) {
    const isOrganization = route in ORGANIZATION_ROUTES
    if (!isOrganization && !OPERATOR_ROUTES.includes(route)) continue
    const [method = '', url = ''] = route.split(' ')
    for (const [name, headers] of Object.entries(isOrganization ? organizationWrong : operatorWrong)) {
      const answer = await app.inject({
        method: method as 'GET',
        url: url.replace(/:\w+/g, crypto.randomUUID()),
        headers: headers as Headers,
        // Each from another address: too many wrong operator tokens of one are another answer.
        remoteAddress: `10.0.${address >> 8}.${address++ & 255}`
      })
      t.match([answer.statusCode, answer.json().error?.code], [401, 'UNAUTHENTICATED'], `${route}: ${name}`)
      t.equal(answer.headers['www-authenticate'], 'Bearer', `${route}: ${name}`)
    }
  }
})

t.test('another organisation reaches nothing, by its keys or by a token', async (t) => {
  const resources = await createResources(acme.admin.headers)
  const before = await storedOf(acme)
  const inOneHour = Math.floor(Date.now() / 1000) + 3600
  const strangers = {
    'its admin key': other.admin.headers,
    'the token of its owner': bearer(makeJwt({ sub: 'eve', orgId: other.id, role: 'owner', exp: inOneHour })),
    'its key with headers that claim more': { ...other.admin.headers, 'x-org-id': acme.id, 'x-user-id': 'eve' }
  }
  for (const [route, calls] of Object.entries(ORGANIZATION_ROUTES)) {
    const [method = ''] = route.split(' ')
    for (const [name, headers] of Object.entries(strangers)) {
      for (const { path, body, foreign } of calls) {
        const answer = await call(method, path(resources), headers, body?.(resources))
        // What is made in the other organisation can be made once, and tokens only by keys.
        const repeated = method === 'POST' && foreign === 201 && [201, 403, 409].includes(answer.status)
        t.ok(answer.status === foreign || repeated, `${route} with ${name}: ${answer.status}`)
        if (foreign === 404) t.equal(JSON.parse(answer.text).error.code, 'NOT_FOUND', `${route} with ${name}`)
        t.same(names(answer.text, resources), [], `${route} with ${name} names nothing`)
      }
    }
  }
  t.same(await storedOf(acme), before, 'and nothing has changed')
})

t.test('another user of the same organisation reaches nothing of a user', async (t) => {
  const anna = { ...acme.admin.headers, 'x-user-id': 'anna' }
  const resources = await createResources(anna)
  const inOneHour = Math.floor(Date.now() / 1000) + 3600
  const strangers = {
    'a key for another user': { ...acme.admin.headers, 'x-user-id': 'ben' },
    'the token of another user': bearer(makeJwt({ sub: 'ben', orgId: acme.id, role: 'owner', exp: inOneHour }))
  }
  for (const headers of Object.values(strangers)) await call('GET', '/api/v1/sessions', headers)
  const before = await storedOf(acme)
  for (const [route, calls] of Object.entries(ORGANIZATION_ROUTES)) {
    const [method = ''] = route.split(' ')
    for (const { path, body, foreign } of calls.filter(({ perUser }) => perUser)) {
      for (const [name, headers] of Object.entries(strangers)) {
        const answer = await call(method, path(resources), headers, body?.(resources))
        t.equal(answer.status, foreign, `${route} with ${name}`)
        t.same(names(answer.text, resources), [], `${route} with ${name} names nothing`)
      }
    }
  }
  t.same(await storedOf(acme), before, 'and nothing has changed')
})

t.test('the owner reaches all of it, so that the refusals above mean something', async (t) => {
  const owners = { 'the organisation': acme.admin.headers, 'its user': { ...acme.admin.headers, 'x-user-id': 'anna' } }
  for (const [name, headers] of Object.entries(owners)) {
    for (const [route, calls] of Object.entries(ORGANIZATION_ROUTES)) {
      const [method = ''] = route.split(' ')
      for (const { path, body, own } of calls) {
        if (route === 'POST /api/v1/agents') await call('DELETE', '/api/v1/agents/added', headers)
        const resources = await createResources(headers)
        const answer = await call(method, path(resources), headers, body?.(resources))
        t.equal(answer.status, own, `${route} as ${name}: ${answer.status >= 400 ? answer.text : ''}`)
      }
    }
  }
})
