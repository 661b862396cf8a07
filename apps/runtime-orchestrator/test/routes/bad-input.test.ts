import { randomUUID } from 'node:crypto'
import { errorEnvelopeSchema } from '@semibot/chat-protocol'
import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { makeRequest } from '../helpers/execute.ts'
import { AUTHORIZED, startApp, TOKEN } from '../helpers/start-app.ts'

const simulator = await startSimulator(t)
const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

const good = makeRequest('Hello')
const { agent } = good
const JSON_TYPE = { 'content-type': 'application/json' }
const SENT = { ...JSON_TYPE, ...AUTHORIZED }
const message = (content: string) => ({ role: 'user', content })

interface Case {
  what: string
  path?: string
  method?: string
  headers?: Record<string, string>
  body?: unknown
  status: number
  code: string
  says?: RegExp
}

const TOKENS: Case[] = [
  { what: 'no token', headers: JSON_TYPE, status: 401, code: 'UNAUTHENTICATED', says: /A service token is needed/ },
  {
    what: 'a wrong token',
    headers: { ...JSON_TYPE, authorization: 'Bearer wrong' },
    status: 401,
    code: 'UNAUTHENTICATED',
    says: /RUNTIME_SERVICE_TOKEN/
  },
  {
    what: 'the token with more behind it',
    headers: { ...JSON_TYPE, authorization: `Bearer ${TOKEN}x` },
    status: 401,
    code: 'UNAUTHENTICATED'
  },
  {
    what: 'an empty bearer token',
    headers: { ...JSON_TYPE, authorization: 'Bearer ' },
    status: 401,
    code: 'UNAUTHENTICATED'
  },
  {
    what: 'another scheme',
    headers: { ...JSON_TYPE, authorization: `Basic ${TOKEN}` },
    status: 401,
    code: 'UNAUTHENTICATED'
  },
  { what: 'a probe without token', path: '/internal/probe', headers: {}, status: 401, code: 'UNAUTHENTICATED' },
  {
    what: 'a cancel without token',
    path: `/api/v1/executions/${randomUUID()}/cancel`,
    headers: {},
    status: 401,
    code: 'UNAUTHENTICATED'
  },
  {
    what: 'a question without token',
    path: `/api/v1/executions/${randomUUID()}`,
    method: 'GET',
    headers: {},
    status: 401,
    code: 'UNAUTHENTICATED'
  }
]

const BODIES: Case[] = [
  { what: 'malformed JSON', body: '{"executionId":', status: 400, code: 'VALIDATION_FAILED' },
  { what: 'an empty body', body: '', status: 400, code: 'VALIDATION_FAILED' },
  { what: 'a list', body: [], status: 400, code: 'VALIDATION_FAILED' },
  { what: 'a body without anything', body: {}, status: 400, code: 'VALIDATION_FAILED', says: /executionId|body/ },
  {
    what: 'no message',
    body: { ...good, message: undefined },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /message/
  },
  { what: 'an empty message', body: { ...good, message: '' }, status: 400, code: 'VALIDATION_FAILED', says: /message/ },
  {
    what: 'a message that is a number',
    body: { ...good, message: 5 },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /message/
  },
  {
    what: 'an executionId that is no UUID',
    body: { ...good, executionId: 'x' },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /executionId/
  },
  { what: 'no agent', body: { ...good, agent: undefined }, status: 400, code: 'VALIDATION_FAILED', says: /agent/ },
  {
    what: 'no model',
    body: { ...good, agent: { ...agent, model: '' } },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /agent\.model/
  },
  {
    what: 'a temperature of 3',
    body: { ...good, agent: { ...agent, temperature: 3 } },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /agent\.temperature/
  },
  {
    what: 'limits of zero steps',
    body: { ...good, limits: { maxSteps: 0 } },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /limits\.maxSteps/
  },
  {
    what: 'a history of 501 messages',
    body: { ...good, history: Array(501).fill(message('x')) },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /history/
  },
  {
    what: 'a history with a foreign role',
    body: { ...good, history: [{ role: 'tool', content: 'x' }] },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /history\.0\.role/
  },
  {
    what: 'an unknown tool',
    body: { ...good, agent: { ...agent, tools: ['calculator', 'rm_rf'] } },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /agent\.tools\.1.*unknown tool \\"rm_rf\\"|known are calculator, current_time, search_history/
  },
  {
    what: '65 tools',
    body: { ...good, agent: { ...agent, tools: Array(65).fill('calculator') } },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /agent\.tools/
  },
  {
    what: 'a body of more than 1 MiB',
    body: { ...good, message: 'x'.repeat(1024 * 1024) },
    status: 413,
    code: 'PAYLOAD_TOO_LARGE'
  },
  {
    what: 'a body that is nested very deeply',
    body: `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    status: 400,
    code: 'VALIDATION_FAILED'
  },
  {
    what: '__proto__ in the body',
    body: `{"__proto__":{"x":1},"message":"x"}`,
    status: 400,
    code: 'VALIDATION_FAILED'
  },
  {
    what: 'another content type',
    headers: { ...AUTHORIZED, 'content-type': 'text/plain' },
    body: 'hello',
    status: 415,
    code: 'VALIDATION_FAILED'
  }
]

const HEADERS: Case[] = ['0', '-5', '1.5', 'soon', '99999999999'].map((value) => ({
  what: `x-request-timeout-ms: ${value}`,
  headers: { ...SENT, 'x-request-timeout-ms': value },
  body: good,
  status: 400,
  code: 'VALIDATION_FAILED',
  says: /x-request-timeout-ms/
}))

const OTHERS: Case[] = [
  {
    what: 'x-attempt: first',
    headers: { ...SENT, 'x-attempt': 'first' },
    body: good,
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /x-attempt/
  },
  {
    what: 'another organisation in the header',
    headers: { ...SENT, 'x-org-id': randomUUID() },
    body: good,
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /x-org-id and orgId/
  },
  {
    what: 'an execution that nobody knows',
    path: `/api/v1/executions/${randomUUID()}`,
    method: 'GET',
    status: 404,
    code: 'NOT_FOUND'
  },
  {
    what: 'events of an execution that nobody knows',
    path: `/api/v1/executions/${randomUUID()}/events`,
    method: 'GET',
    status: 404,
    code: 'NOT_FOUND'
  },
  {
    what: 'a cancel of an execution that nobody knows',
    path: `/api/v1/executions/${randomUUID()}/cancel`,
    body: {},
    status: 404,
    code: 'NOT_FOUND'
  },
  {
    what: 'an execution id that is no UUID',
    path: '/api/v1/executions/1',
    method: 'GET',
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /id/
  },
  {
    what: 'events after a word',
    path: `/api/v1/executions/${randomUUID()}/events?after=x`,
    method: 'GET',
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /after/
  },
  {
    what: 'a cancel for an unknown reason',
    path: `/api/v1/executions/${randomUUID()}/cancel`,
    body: { reason: 'boredom' },
    status: 400,
    code: 'VALIDATION_FAILED',
    says: /reason/
  },
  { what: 'a path that does not exist', path: '/api/v2/execute', body: {}, status: 404, code: 'NOT_FOUND' }
]

t.test('every bad request has its status, code and message, and runs nothing', async (t) => {
  for (const { what, path = '/api/v1/execute/stream', method = 'POST', headers, body, status, code, says } of [
    ...TOKENS,
    ...BODIES,
    ...HEADERS,
    ...OTHERS
  ]) {
    const bare = method === 'GET' || body === undefined
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: headers ?? (bare ? AUTHORIZED : SENT),
      ...(bare ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) })
    })
    const text = await response.text()
    t.equal(response.status, status, `${what}: ${status}`)
    const answer = errorEnvelopeSchema.safeParse(JSON.parse(text))
    t.ok(answer.success, 'in the envelope')
    t.equal(answer.data?.error.code, code)
    t.match(text, says ?? /"message":"./, `says ${answer.data?.error.message}`)
    t.notMatch(text, / at .*\.ts:\d+/, 'without a stack')
    if (status === 401) t.equal(response.headers.get('www-authenticate'), 'Bearer')
  }
  t.equal((await simulator.stats()).started, 0, 'the model was never called')
})

t.test('an unknown tool is named with its place', async (t) => {
  const body = { ...good, agent: { ...agent, tools: ['calculator', 'rm_rf'] } }
  const response = await fetch(`${origin}/api/v1/execute`, {
    method: 'POST',
    headers: SENT,
    body: JSON.stringify(body)
  })
  t.match(await response.json(), {
    error: {
      message: /^agent\.tools: unknown tool; known are calculator, current_time, search_history.*\.$/,
      details: [{ path: 'agent.tools.1', message: 'unknown tool "rm_rf"' }]
    }
  })
})

t.test('each of the tokens is accepted', async (t) => {
  for (const token of [TOKEN, 'an-older-token']) {
    const headers = { authorization: `Bearer ${token}` }
    t.equal((await fetch(`${origin}/internal/probe`, { method: 'POST', headers })).status, 200)
  }
})
