import { createHash } from 'node:crypto'
import { testRedisUrl } from '@semibot/stack/test'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import t from 'tap'
import { decodeReply, encodeMessage, encodeRules } from '../src/redis/codec.ts'
import { exchangeScript } from '../src/redis/script.ts'
import { createKeeper, exchange, type Reply } from '../src/state/exchange.ts'
import type { BreakerState } from '../src/types.ts'
import { createNumbering, knownOf, propertyRuns, RULES, type Step, step } from './helpers/messages.ts'

const START = 1_750_000_000_000

t.test('the script in Redis and the rule in process answer every sequence of messages alike', async (t) => {
  const numRuns = propertyRuns(1000)
  t.setTimeout(60_000 + numRuns * 50)
  const redis = new Redis(testRedisUrl(t))
  t.teardown(() => redis.quit())
  // The same script but for its clock.
  const script = exchangeScript('local now = tonumber(ARGV[4])\n')
  const sha = createHash('sha1').update(script).digest('hex')
  await redis.script('LOAD', script)

  const rules = {
    ...RULES,
    thresholds: { ...RULES.thresholds, p95LatencyMs: 5000 },
    maxSamples: 100,
    windowSeconds: 30
  }
  const encodedRules = encodeRules(rules)
  const reached = new Map<BreakerState, number>()
  let run = 0
  let steps = 0

  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (sequence: Step[]) => {
    const name = `equality:{${++run}}`
    const keys = [':v', ':w', ':r', ':log'].map((suffix) => name + suffix)
    const keeper = createKeeper(START, rules)
    const number = createNumbering()
    const pipeline = redis.pipeline()
    const expected: Reply[] = []
    let now = START
    for (const each of sequence) {
      if (expected.length > 0) now += each.afterMs
      const known = knownOf(each, keeper.record, now)
      const message = { ...each.message, replica: each.replica, ...number(each), known }
      pipeline.evalsha(sha, keys.length, ...keys, 'equality', encodeMessage(message, now), encodedRules, String(now))
      const reply = exchange(keeper, message, now, rules)
      expected.push(reply)
      for (const change of reply.changes) reached.set(change.record.state, (reached.get(change.record.state) ?? 0) + 1)
    }
    const answers = (await pipeline.del(...keys).exec()) ?? []
    for (const [index, reply] of expected.entries()) {
      const [error, answer] = answers[index] ?? [new Error('no answer')]
      if (error) throw error
      const { now: _, ...seen } = decodeReply(answer)
      const difference = differenceOf(seen, reply)
      if (difference !== '') throw new Error(`step ${index}: ${difference}`)
    }
    steps += expected.length
  })
  await fc.assert(property, { numRuns })
  t.comment(`${run} runs, ${steps} steps, changes to ${JSON.stringify(Object.fromEntries(reached))}`)
  for (const state of ['closed', 'open', 'half_open'] as const) {
    t.ok((reached.get(state) ?? 0) > run / 10, `the sequences reach ${state} often enough to mean something`)
  }
})

/** The first key in which the answers differ, with both values. */
function differenceOf(seen: Reply, expected: Reply): string {
  for (const key of ['record', 'granted', 'live', 'counts', 'changes'] as const) {
    const [a, b] = [canonical(seen[key]), canonical(expected[key])]
    if (a !== b) return `${key}: Redis says ${a}, in process it is ${b}`
  }
  return ''
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  )
}
