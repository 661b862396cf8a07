import t from 'tap'
import {
  actorSchema,
  explainQuerySchema,
  type FallbackStatusBody,
  fallbackForceSchema,
  fallbackResetRequestSchema,
  fallbackStatusSchema
} from '../src/index.ts'

const NOW = '2026-01-01T00:00:00.000Z'

const status: FallbackStatusBody = {
  fallbackEnabled: false,
  fallbackReason: '',
  reason: '',
  state: 'closed',
  scope: 'cluster',
  since: NOW,
  epoch: 0,
  nextProbeAt: null,
  forced: null,
  rampShare: 1,
  trials: { results: 0, failed: 0, needed: 10, permitsOut: 0, permitsHeld: 0 },
  streak: 0,
  thresholds: {
    errorRate: 0.5,
    timeoutRate: 0.3,
    meanLatencyMs: 240_000,
    minSamples: 10,
    windowSeconds: 300,
    maxSamples: 1000
  },
  window: {
    seconds: 300,
    maxSamples: 1000,
    samples: 0,
    errors: 0,
    timeouts: 0,
    errorRate: 0,
    timeoutRate: 0,
    meanLatencyMs: 0,
    slowRate: 0,
    slowFirstTokenRate: 0
  },
  instances: [],
  store: 'memory',
  degraded: false,
  replicas: 1,
  history: null
}

t.test('the fallback status is what the operator reads', async (t) => {
  t.same(fallbackStatusSchema.parse(status), status)
  for (const bad of [{ state: 'forced' }, { fallbackReason: null }, { since: 1 }, { rampShare: 2 }]) {
    t.equal(fallbackStatusSchema.safeParse({ ...status, ...bad }).success, false, JSON.stringify(bad))
  }
})

t.test('an order to fall back or not says why, and for how long', async (t) => {
  const parse = (body: unknown) => fallbackForceSchema.parse(body)
  t.same(parse({ mode: 'open', reason: 'drill' }), { mode: 'open', reason: 'drill', expiresInSeconds: 3600 })
  t.same(parse({ mode: 'auto' }), { mode: 'auto', expiresInSeconds: 3600 }, 'to end it needs no reason')
  const bad: [body: object, path: string][] = [
    [{}, 'mode'],
    [{ mode: 'on', reason: 'x' }, 'mode'],
    [{ mode: 'open' }, 'reason'],
    [{ mode: 'closed', reason: ' ' }, 'reason'],
    [{ mode: 'open', reason: 'x'.repeat(201) }, 'reason'],
    [{ mode: 'open', reason: 'a\0b' }, 'reason'],
    [{ mode: 'open', reason: 'x', expiresInSeconds: 0 }, 'expiresInSeconds'],
    [{ mode: 'open', reason: 'x', expiresInSeconds: 86_401 }, 'expiresInSeconds'],
    [{ mode: 'open', reason: 'x', expiresInSeconds: 1.5 }, 'expiresInSeconds'],
    [{ mode: 'open', reason: 'x', expiresInSeconds: '60' }, 'expiresInSeconds'],
    [{ mode: 'open', reason: 'x', expires: 60 }, '']
  ]
  for (const [body, path] of bad) {
    const { error } = fallbackForceSchema.safeParse(body)
    t.equal(error?.issues[0]?.path.join('.'), path, JSON.stringify(body))
  }
})

t.test('a reset takes no body', async (t) => {
  for (const body of [undefined, null, {}]) t.equal(fallbackResetRequestSchema.safeParse(body).success, true)
  for (const body of [{ mode: 'open' }, [], 'x']) t.equal(fallbackResetRequestSchema.safeParse(body).success, false)
})

t.test('the name of who orders is a short word', async (t) => {
  for (const name of ['ada', 'ada.l@example.org', 'on-call_2']) t.equal(actorSchema.safeParse(name).success, true, name)
  for (const name of ['', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(65)]) {
    t.equal(actorSchema.safeParse(name).success, false, JSON.stringify(name))
  }
})

t.test('an explanation is asked for one session of one organisation', async (t) => {
  const sessionId = '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'
  t.equal(explainQuerySchema.safeParse({ orgId: 'acme', sessionId }).success, true)
  for (const query of [{ sessionId }, { orgId: '', sessionId }, { orgId: 'acme' }, { orgId: 'acme', sessionId: 'x' }]) {
    t.equal(explainQuerySchema.safeParse(query).success, false, JSON.stringify(query))
  }
})
