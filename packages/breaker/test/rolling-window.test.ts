import fc from 'fast-check'
import t from 'tap'
import { countsOf, createRollingWindow, noCounts, summarize as summarizeCounts } from '../src/rolling-window.ts'
import type { WindowOutcome, WindowSummary } from '../src/types.ts'

interface Sample {
  second: number
  outcome: WindowOutcome
  latencyMs: number
}

const EMPTY: WindowSummary = summarizeCounts(noCounts())

/** The rule, said as simply as possible: keep all samples ever, look from the newest second backwards. */
function naiveWindow(all: Sample[], nowSecond: number, windowSeconds: number, maxSamples: number): Sample[] {
  const inTime = all.filter((sample) => sample.second >= nowSecond - windowSeconds)
  const seconds = [...new Set(inTime.map((sample) => sample.second))].sort((a, b) => b - a)
  const kept: Sample[] = []
  for (const second of seconds) {
    if (kept.length >= maxSamples) break
    kept.push(...inTime.filter((sample) => sample.second === second))
  }
  return kept
}

function summarize(samples: Sample[]): WindowSummary {
  const count = samples.length
  if (count === 0) return EMPTY
  const errors = samples.filter((sample) => sample.outcome === 'error').length
  const timeouts = samples.filter((sample) => sample.outcome === 'timeout').length
  const sum = samples.reduce((total, sample) => total + sample.latencyMs, 0)
  return {
    samples: count,
    errors,
    timeouts,
    errorRate: errors / count,
    timeoutRate: timeouts / count,
    meanLatencyMs: sum / count,
    slowRate: 0,
    slowFirstTokenRate: 0
  }
}

const outcome = fc.constantFrom<WindowOutcome>('ok', 'error', 'timeout')

t.test('equals a naive list of all samples after any sequence of calls, pauses and looks', (t) => {
  const step = fc.record({
    pauseMs: fc.oneof(
      fc.integer({ min: 0, max: 900 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 0, max: 40_000 })
    ),
    calls: fc.array(fc.record({ outcome, latencyMs: fc.integer({ min: 0, max: 300_000 }) }), { maxLength: 30 })
  })
  const property = fc.property(
    fc.array(step, { maxLength: 60 }),
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 0, max: 10_000_000 }),
    (steps, windowSeconds, maxSamples, start) => {
      let nowMs = start
      const window = createRollingWindow({ windowSeconds, maxSamples, now: () => nowMs })
      const all: Sample[] = []
      for (const { pauseMs, calls } of steps) {
        nowMs += pauseMs
        for (const call of calls) {
          window.record(call.outcome, call.latencyMs)
          all.push({ ...call, second: Math.floor(nowMs / 1000) })
        }
        const expected = naiveWindow(all, Math.floor(nowMs / 1000), windowSeconds, maxSamples)
        const seen = window.summary()
        if (JSON.stringify(seen) !== JSON.stringify(summarize(expected))) {
          throw new Error(`${JSON.stringify(seen)} is not ${JSON.stringify(summarize(expected))}`)
        }
        checkBounds(all, expected, nowMs, windowSeconds, maxSamples)
      }
    }
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1500 }))
  t.end()
})

/** Nothing of `windowSeconds + 1` or older, and never fewer than `maxSamples` while older ones in time exist. */
function checkBounds(all: Sample[], kept: Sample[], nowMs: number, windowSeconds: number, maxSamples: number): void {
  const oldestAllowed = nowMs - (windowSeconds + 1) * 1000
  if (kept.some((sample) => (sample.second + 1) * 1000 <= oldestAllowed)) throw new Error('too old')
  const young = all.filter((sample) => sample.second * 1000 > nowMs - windowSeconds * 1000)
  if (kept.length < Math.min(maxSamples, young.length)) throw new Error('too few')
}

t.test('forgets samples after 300 seconds by default', (t) => {
  let nowMs = 500
  const window = createRollingWindow({ now: () => nowMs })
  window.record('error', 100)
  nowMs = 300_499
  t.equal(window.summary().samples, 1, 'a sample of 299.999 s is in')
  nowMs = 301_000
  t.strictSame(window.summary(), EMPTY, 'a sample of 300.5 s in a bucket that is over is out')
  t.end()
})

t.test('a total outage at 200 calls per second passes one half within 3 seconds of traffic', (t) => {
  let nowMs = 0
  const window = createRollingWindow({ now: () => nowMs })
  for (let call = 0; call < 60_000; call++) {
    nowMs = call * 5
    window.record('ok', 20)
  }
  const outageStart = nowMs
  let calls = 0
  while (window.summary().errorRate <= 0.5) {
    nowMs += 5
    calls++
    window.record('error', 1)
  }
  t.ok(calls <= 601, `${calls} failed calls were needed: half of 1000 and at most one bucket more`)
  t.ok(nowMs - outageStart <= 3005)
  t.end()
})

t.test('keeps exact sums over a long life', (t) => {
  let nowMs = 0
  const window = createRollingWindow({ windowSeconds: 5, maxSamples: 50, now: () => nowMs })
  for (let call = 0; call < 200_000; call++) {
    nowMs += 37
    window.record(call % 3 === 0 ? 'timeout' : 'ok', (call * 7919) % 300_000)
  }
  nowMs += 6000
  t.strictSame(window.summary(), EMPTY)
  window.record('ok', 12.4)
  t.equal(window.summary().meanLatencyMs, 12, 'latencies are whole milliseconds')
  t.end()
})

t.test('a clock that goes back does not bring samples back or lose any', (t) => {
  let nowMs = 100_000
  const window = createRollingWindow({ windowSeconds: 10, now: () => nowMs })
  window.record('ok', 1)
  nowMs = 50_000
  window.record('error', 3)
  t.match(window.summary(), { samples: 2, errors: 1, meanLatencyMs: 2 })
  nowMs = 111_000
  t.strictSame(window.summary(), EMPTY, 'both age from the newest second that the clock has shown')
  t.end()
})

t.test('clear forgets everything and the window works on', (t) => {
  const window = createRollingWindow()
  window.record('error', 5)
  window.clear()
  t.strictSame(window.summary(), EMPTY)
  window.record('timeout', 7)
  t.match(window.summary(), { samples: 1, timeouts: 1, timeoutRate: 1, errors: 0, meanLatencyMs: 7 })
  t.end()
})

t.test('says which input is wrong', (t) => {
  t.throws(
    () => createRollingWindow({ windowSeconds: 0 }),
    /windowSeconds must be a whole number from 1 to 86400, got 0/
  )
  t.throws(() => createRollingWindow({ maxSamples: 1.5 }), /maxSamples must be .*, got 1.5/)
  const window = createRollingWindow()
  for (const latency of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    t.throws(() => window.record('ok', latency), /latencyMs must be a finite number >= 0/)
  }
  t.strictSame(window.summary(), EMPTY, 'a refused sample leaves no trace')
  t.end()
})

t.test('counts the calls that break the optional limits, and several calls at once', (t) => {
  const window = createRollingWindow({ now: () => 0 })
  window.add(countsOf('ok', 6000, true, false))
  window.add({ samples: 3, errors: 1, timeouts: 0, latencyMs: 30, slow: 0, slowFirstTokens: 3 })
  t.strictSame(window.summary(), {
    samples: 4,
    errors: 1,
    timeouts: 0,
    errorRate: 0.25,
    timeoutRate: 0,
    meanLatencyMs: 1507.5,
    slowRate: 0.25,
    slowFirstTokenRate: 0.75
  })
  t.strictSame(window.totals(), { samples: 4, errors: 1, timeouts: 0, latencyMs: 6030, slow: 1, slowFirstTokens: 3 })
  t.end()
})
