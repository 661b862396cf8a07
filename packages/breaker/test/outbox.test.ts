import fc from 'fast-check'
import t from 'tap'
import { createLink, RedisTimeout } from '../src/redis/link.ts'
import { createOutbox, type Part } from '../src/redis/outbox.ts'
import { countsOf } from '../src/rolling-window.ts'
import { createSimulatedClock } from './helpers/simulated-clock.ts'

const reset = { type: 'reset', actor: 'operator' } as const

function outboxAt(clock: { nowMs: number }) {
  return createOutbox({ windowSeconds: 300, maxSamples: 1000, now: () => clock.nowMs })
}

t.test('a part in doubt is sent again as it was, and what is newer waits', (t) => {
  const outbox = outboxAt({ nowMs: 0 })
  outbox.add(countsOf('ok', 5))
  outbox.addTrial(false)
  t.match(outbox.next(), { part: 1, isRepeated: false, counts: { samples: 1 }, failed: 1, command: null })
  outbox.add(countsOf('error', 5))
  t.match(outbox.next(), { part: 1, isRepeated: true, counts: { samples: 1, errors: 0 } })
  outbox.delivered()
  t.match(outbox.next(), { part: 2, isRepeated: false, counts: { samples: 1, errors: 1 }, failed: 0 })
  t.end()
})

t.test('whatever is lost on the way, each call is counted once in the end', (t) => {
  const act = fc.constantFrom('call', 'call', 'arrives', 'is lost', 'answer is lost')
  const property = fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
    const outbox = outboxAt({ nowMs: 0 })
    let counted = 0
    let lastPart = 0
    let calls = 0
    const arrives = ({ part, counts }: Part) => {
      if (part <= lastPart) return
      lastPart = part
      counted += counts.samples
    }
    for (const each of [...acts, 'arrives', 'arrives']) {
      if (each === 'call') {
        calls++
        outbox.add(countsOf('ok', 1))
        continue
      }
      const part = outbox.next()
      if (each !== 'is lost') arrives(part)
      if (each === 'arrives') outbox.delivered()
    }
    return counted === calls
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
  t.end()
})

t.test('evidence is not kept for longer than the window remembers', (t) => {
  const clock = { nowMs: 0 }
  const outbox = outboxAt(clock)
  outbox.add(countsOf('error', 5))
  outbox.next()
  clock.nowMs = 200_000
  outbox.add(countsOf('ok', 5))
  clock.nowMs = 300_001
  t.match(outbox.next(), { part: 2, counts: { samples: 1, errors: 0 } }, 'the part in doubt is given up')
  outbox.delivered()
  outbox.add(countsOf('ok', 5))
  clock.nowMs = 700_000
  t.match(outbox.next(), { counts: { samples: 0 } })
  t.end()
})

t.test('an order goes alone, outlives the evidence, and ends when it was meant to', (t) => {
  const clock = { nowMs: 0 }
  const outbox = outboxAt(clock)
  outbox.add(countsOf('error', 5))
  outbox.order({ type: 'force_open', actor: 'operator', text: '', expiresInMs: 60_000 })
  t.match(outbox.next(), { counts: { samples: 0 }, command: { expiresInMs: 60_000 }, isRepeated: false })
  clock.nowMs = 20_000
  outbox.clear()
  t.match(outbox.next(), { part: 1, command: { expiresInMs: 40_000 }, isRepeated: true })
  clock.nowMs = 60_000
  t.match(outbox.next(), { command: null })
  outbox.order(reset)
  t.match(outbox.next(), { part: 2, command: reset }, 'a later order takes its place')
  t.end()
})

t.test('a command is waited for so long, and few pile up', async (t) => {
  const clock = createSimulatedClock()
  let late = 0
  const link = createLink({ timeoutMs: 200, clock, onLateAnswer: () => late++ })
  const hung = Array.from({ length: 6 }, () => Promise.withResolvers<string>())
  let sent = 0
  const results = hung.map(({ promise }) =>
    link.send(() => {
      sent++
      return promise
    })
  )
  const settled = Promise.allSettled(results)
  await clock.advance(200)
  for (const result of await settled) t.ok(result.status === 'rejected' && result.reason instanceof RedisTimeout)
  t.equal(sent, 4, 'a hung Redis is not sent more')
  hung[0]?.resolve('late')
  hung[1]?.reject(new Error('lost'))
  await clock.advance(0)
  t.equal(late, 1, 'a late answer is a sign of life, a late failure is not')
  t.equal(await link.send(async () => 'answer'), 'answer')
  await t.rejects(
    link.send(() => Promise.reject(new Error('refused'))),
    { message: 'refused' }
  )
  t.equal(clock.timers, 0)
})
