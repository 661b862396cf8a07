import { type Clock, createFallbackBreaker, type FallbackBreaker, type Pass, systemClock } from '@semibot/breaker'

/**
 * What the breaker costs a chat, in microseconds per operation: the best of several rounds, so that other
 * work on the machine disturbs little. Run by `node --conditions=@semibot/source src/breaker-overhead.ts`.
 */
const ROUNDS = 7
const TIMES = 200_000
const ASYNC_TIMES = 40_000

const INSTANCES = ['http://10.0.0.1:8000', 'http://10.0.0.2:8000', 'http://10.0.0.3:8000']
const SESSIONS = Array.from({ length: 4096 }, () => crypto.randomUUID())
const sessionOf = (index: number) => SESSIONS[index % SESSIONS.length] as string

/** Keeps results from being optimised away. */
let sink = 0

function create(instances: readonly string[], clock: Clock = systemClock): FallbackBreaker {
  return createFallbackBreaker({
    instances,
    thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 },
    probe: async () => {},
    clock
  })
}

/** A closed breaker that has just recovered, so that a tenth of the sessions is admitted. */
async function createRamping(): Promise<FallbackBreaker> {
  const timers: (() => void)[] = []
  let now = 0
  const clock: Clock = {
    now: () => now,
    wallNow: () => now,
    setTimeout: (callback) => timers.push(callback),
    clearTimeout: () => {}
  }
  const breaker = create(INSTANCES.slice(0, 1), clock)
  await breaker.force({ mode: 'open', reason: '', actor: 'bench', expiresInSeconds: 1 })
  while (breaker.fallback) {
    now += 250
    for (const timer of timers.splice(0)) timer()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return breaker
}

function time(run: (index: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let index = 0; index < TIMES; index++) if (run(index) !== null) sink++
    best = Math.min(best, ((performance.now() - start) * 1000) / TIMES)
  }
  return best
}

async function timeAsync(run: (index: number) => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let index = 0; index < ASYNC_TIMES; index++) if ((await run(index)) !== null) sink++
    best = Math.min(best, ((performance.now() - start) * 1000) / ASYNC_TIMES)
  }
  return best
}

const [closed, three, open] = [create(INSTANCES.slice(0, 1)), create(INSTANCES), create(INSTANCES)]
const ramping = await createRamping()
const pass = closed.admit('bench') as Pass
const passOfThree = three.admit('bench') as Pass
await open.force({ mode: 'open', reason: 'bench', actor: 'bench' })

const instance = INSTANCES[0] as string
const answer = async () => 'answer'
const bare = await timeAsync(answer)
const called = await timeAsync(() => closed.call(pass, instance, answer, { tenant: 'org' }))

const rows: [string, number][] = [
  ['admit, closed', time((index) => closed.admit(sessionOf(index)))],
  ['admit, open', time((index) => open.admit(sessionOf(index)))],
  ['admit, coming back (ramp)', time((index) => ramping.admit(sessionOf(index)))],
  ['pick, one instance', time((index) => closed.pick(pass, sessionOf(index)))],
  ['pick, three instances', time((index) => three.pick(passOfThree, sessionOf(index)))],
  ['report of an outcome', time(() => closed.report(pass, instance, 'ok', { latencyMs: 12, tenant: 'org' }))],
  ['a call through its circuit, whole', called - bare],
  ['status, for the admin API', time(() => three.status())]
]
for (const [name, microseconds] of rows) console.log(`${name.padEnd(36)}${microseconds.toFixed(3).padStart(9)} us`)
if (sink === 0) throw new Error('nothing was measured')
await Promise.all([closed, three, open, ramping].map((breaker) => breaker.close()))
