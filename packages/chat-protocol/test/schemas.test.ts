import t from 'tap'
import { z } from 'zod'
import {
  agent2uiContinueSchema,
  agent2uiStartSchema,
  agentReferenceSchema,
  type ChatEventBody,
  chatEventBodySchema,
  chatEventSchema,
  chatRequestSchema,
  createAgentSchema,
  createSessionSchema,
  createTokenSchema,
  ERROR_CODES,
  EXECUTION_ERROR_CODES,
  envelope,
  errorEnvelope,
  errorEnvelopeSchema,
  executeRequestSchema,
  explainQuerySchema,
  externalUserIdSchema,
  idSchema,
  isRetryable,
  isTerminal,
  listEnvelope,
  pageQuerySchema,
  REQUEST_ERROR_CODES,
  sessionSchema,
  statusOf,
  updateAgentSchema
} from '../src/index.ts'

const ID = '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'
const usage = { inputTokens: 1, outputTokens: 2, totalTokens: 3 }

t.test('each error code has one status and says whether a retry may help', async (t) => {
  t.equal(new Set(ERROR_CODES).size, EXECUTION_ERROR_CODES.length + REQUEST_ERROR_CODES.length, 'no code twice')
  for (const code of ERROR_CODES) {
    t.ok(statusOf(code) >= 400 && statusOf(code) < 600, code)
    t.type(isRetryable(code), 'boolean')
  }
  for (const status of [408, 425, 429, 503, 504]) {
    for (const code of ERROR_CODES.filter((candidate) => statusOf(candidate) === status)) t.ok(isRetryable(code), code)
  }
  for (const code of ['VALIDATION_FAILED', 'UNAUTHENTICATED', 'FORBIDDEN', 'LLM_REJECTED'] as const)
    t.notOk(isRetryable(code))
})

t.test('an error answer has its envelope, with details only where there are some', async (t) => {
  const plain = errorEnvelope('NOT_FOUND', 'There is no such session.', 'r-1')
  t.same(plain, {
    success: false,
    error: { code: 'NOT_FOUND', message: 'There is no such session.', requestId: 'r-1' }
  })
  t.equal(errorEnvelopeSchema.safeParse(plain).success, true)
  const details = [{ path: 'message', message: 'must not be empty' }]
  t.same(errorEnvelope('VALIDATION_FAILED', 'bad', 'r-2', details).error.details, details)
  t.equal(errorEnvelopeSchema.safeParse({ ...plain, error: { ...plain.error, code: 'OOPS' } }).success, false)
})

t.test('envelopes carry one thing, or a page', async (t) => {
  const session = { id: ID, agentId: ID, title: null, status: 'active', createdAt: 'now', updatedAt: 'now' }
  t.equal(envelope(sessionSchema).safeParse({ success: true, data: session }).success, true)
  const page = { success: true, data: [session], meta: { nextCursor: null, hasMore: false } }
  t.equal(listEnvelope(sessionSchema).safeParse(page).success, true)
  t.equal(listEnvelope(sessionSchema).safeParse({ success: true, data: [session] }).success, false)
})

t.test('a chat request has its defaults, and nothing that is not known', async (t) => {
  t.same(chatRequestSchema.parse({ message: 'hi' }), { message: 'hi', stream: true, onDisconnect: 'detach' })
  for (const bad of [
    {},
    { message: '' },
    { message: 'hi', sessionId: 'not-a-uuid' },
    { message: 'hi', stream: 'yes' },
    { message: 'hi', onDisconnect: 'explode' },
    { message: 'hi', history: [] }
  ]) {
    t.equal(chatRequestSchema.safeParse(bad).success, false, JSON.stringify(bad))
  }
  t.same(agent2uiStartSchema.parse({ message: 'hi', extra: 1 }), { message: 'hi' }, 'the older face ignores the rest')
})

const EVENTS: ChatEventBody[] = [
  {
    type: 'execution.started',
    executionId: ID,
    sessionId: ID,
    messageId: ID,
    mode: 'direct_llm',
    attempt: 1,
    model: 'simulator'
  },
  { type: 'plan.updated', planId: 'p', steps: [{ id: 's', title: 'think', status: 'running' }] },
  { type: 'step.updated', stepId: 's', status: 'completed', durationMs: 1.5 },
  { type: 'reasoning.delta', messageId: ID, delta: 'hm' },
  { type: 'tool.started', toolCallId: 'c', name: 'calculator', source: 'builtin', effect: 'none', input: { a: 1 } },
  { type: 'tool.finished', toolCallId: 'c', status: 'ok', output: 391, durationMs: 3 },
  { type: 'tool.approval_requested', toolCallId: 'c', name: 'mail', input: null, expiresAt: 'later' },
  { type: 'tool.approval_resolved', toolCallId: 'c', decision: 'denied', actor: 'ada' },
  { type: 'message.started', messageId: ID },
  { type: 'message.delta', messageId: ID, delta: '' },
  { type: 'message.completed', messageId: ID, content: 'all of it', finishReason: 'stop' },
  {
    type: 'execution.fallback',
    from: 'runtime_orchestrator',
    to: 'direct_llm',
    reason: 'r',
    reasonCode: 'RUNTIME_UNAVAILABLE',
    attempt: 2,
    discardedMessageIds: [],
    discardedToolCallIds: []
  },
  { type: 'usage.updated', ...usage },
  { type: 'execution.completed', finishReason: 'stop', usage, mode: 'direct_llm', attempts: 1, latencyMs: 12 },
  { type: 'execution.failed', error: { code: 'LLM_UNAVAILABLE', message: 'm', retryable: true, origin: 'llm' } },
  { type: 'execution.cancelled', reason: 'user' },
  { type: 'execution.interrupted', reason: 'shutdown' }
]

t.test('every event passes its schema as it is, alone and with its place in a stream', async (t) => {
  t.equal(new Set(EVENTS.map((event) => event.type)).size, chatEventBodySchema.options.length, 'one of each type')
  for (const event of EVENTS) {
    t.same(chatEventBodySchema.parse(event), event, event.type)
    t.same(chatEventSchema.parse({ ...event, seq: 1, ts: 2 }), { ...event, seq: 1, ts: 2 })
    t.equal(chatEventSchema.safeParse({ ...event, seq: 0, ts: 2 }).success, false, 'places begin with 1')
  }
  t.equal(chatEventBodySchema.safeParse({ type: 'message.deltas', messageId: ID, delta: '' }).success, false)
  t.equal(chatEventBodySchema.safeParse({ type: 'message.delta', messageId: ID }).success, false)
})

t.test('exactly three events are terminal', async (t) => {
  t.same(
    EVENTS.filter(isTerminal).map((event) => event.type),
    ['execution.completed', 'execution.failed', 'execution.cancelled']
  )
})

t.test('an execute request is complete and bounded', async (t) => {
  const request = {
    executionId: ID,
    orgId: ID,
    sessionId: ID,
    userId: null,
    messageId: ID,
    message: 'hi',
    history: [{ role: 'user', content: 'before' }],
    agent: { id: ID, slug: 'default', systemPrompt: '', model: 'simulator', tools: [] },
    limits: { maxSteps: 3 }
  }
  t.same(executeRequestSchema.parse(request), request)
  for (const bad of [
    { ...request, executionId: 'x' },
    { ...request, history: [{ role: 'tool', content: 'x' }] },
    { ...request, history: Array(501).fill(request.history[0]) },
    { ...request, agent: { ...request.agent, temperature: 3 } },
    { ...request, limits: { maxSteps: 0 } }
  ]) {
    t.equal(executeRequestSchema.safeParse(bad).success, false)
  }
})

t.test('ids in capitals are the same ids', async (t) => {
  const capitals = ID.toUpperCase()
  t.equal(idSchema.parse(capitals), ID)
  t.match(z.toJSONSchema(idSchema), { type: 'string', format: 'uuid' }, 'and the document says what they are')
  t.equal(agentReferenceSchema.parse(capitals), ID)
  t.equal(agentReferenceSchema.parse('Helper'), 'Helper', 'a slug is left as it is')
  t.match(chatRequestSchema.parse({ message: 'x', sessionId: capitals, agentId: capitals }), {
    sessionId: ID,
    agentId: ID
  })
  t.match(agent2uiContinueSchema.parse({ message: 'x', parentMessageId: capitals }), { parentMessageId: ID })
  t.match(createSessionSchema.parse({ agentId: capitals }), { agentId: ID })
  t.match(explainQuerySchema.parse({ orgId: 'acme', sessionId: capitals }), { sessionId: ID })
  const ids = { executionId: capitals, orgId: capitals, sessionId: capitals, userId: capitals, messageId: capitals }
  const agent = { id: ID, slug: 'default', systemPrompt: '', model: 'simulator', tools: [] }
  t.match(executeRequestSchema.parse({ ...ids, message: 'hi', history: [], agent }), {
    executionId: ID,
    orgId: ID,
    sessionId: ID,
    userId: ID,
    messageId: ID
  })
})

t.test('agents, tokens and pages have their defaults and their limits', async (t) => {
  t.match(createAgentSchema.parse({ slug: 'my-agent', name: 'Mine' }), { systemPrompt: '', model: null, tools: [] })
  t.same(updateAgentSchema.parse({ name: 'Other' }), { name: 'Other' }, 'an update sets nothing that was not sent')
  for (const slug of ['', '-a', 'a-', 'A', 'a b', 'a'.repeat(65)]) {
    t.equal(createAgentSchema.safeParse({ slug, name: 'x' }).success, false, slug)
  }
  t.same(createTokenSchema.parse({ userId: 'ada' }), { userId: 'ada', expiresInSeconds: 3600 })
  t.equal(createTokenSchema.safeParse({ userId: 'ada', expiresInSeconds: 59 }).success, false)
  for (const userId of ['', 'a b', 'é', 'x'.repeat(129)]) {
    t.equal(externalUserIdSchema.safeParse(userId).success, false, userId)
  }
  t.same(pageQuerySchema.parse({}), { limit: 20 })
  t.same(pageQuerySchema.parse({ limit: '100', cursor: 'c' }), { limit: 100, cursor: 'c' })
  for (const limit of ['0', '101', '1.5', 'many']) t.equal(pageQuerySchema.safeParse({ limit }).success, false, limit)
})
