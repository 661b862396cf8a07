import type { ChatEventBody } from '@semibot/chat-protocol'
import fc from 'fast-check'
import t from 'tap'
import { MemoryEventLog } from '../../src/engine/memory-event-log.ts'

const LIMITS = { executionBytes: 1_000_000, executionFrames: 1_000, processBytes: 10_000_000, keepMs: 600_000 }
const delta = (text = 'x'): ChatEventBody => ({ type: 'message.delta', messageId: 'm', delta: text })
const CANCELLED: ChatEventBody = { type: 'execution.cancelled', reason: 'user' }
const STARTED: ChatEventBody = { type: 'message.started', messageId: 'm' }

const idsIn = (frames = '') => [...frames.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))

t.test('events are numbered from 1 and can be read from any place', async (t) => {
  const events = new MemoryEventLog(LIMITS).open('e')
  t.equal(events.framesAfter(0), '', 'nothing before the first')
  for (let count = 0; count < 5; count++) events.append(delta())
  t.same(idsIn(events.framesAfter(0)), [1, 2, 3, 4, 5])
  t.same(idsIn(events.framesAfter(3)), [4, 5])
  t.same(idsIn(events.framesAfter(4)), [5])
  t.equal(events.framesAfter(5), '', 'nothing after the last')
  t.same([events.firstSeq, events.lastSeq, events.ended], [1, 5, false])
})

t.test('nothing comes after the last event', async (t) => {
  for (const last of [CANCELLED, { type: 'execution.interrupted', reason: 'x' } as const]) {
    const events = new MemoryEventLog(LIMITS).open('e')
    let told = 0
    events.subscribe(() => told++)
    events.append(last)
    events.append(delta())
    t.same([events.lastSeq, events.ended, told], [1, true, 1], last.type)
  }
})

t.test('listeners are told of each event until they leave', async (t) => {
  const events = new MemoryEventLog(LIMITS).open('e')
  let told = 0
  const leave = events.subscribe(() => told++)
  events.append(delta())
  leave()
  events.append(delta())
  t.equal(told, 1)
})

t.test('of a long execution only the newest events are kept', async (t) => {
  const byFrames = new MemoryEventLog({ ...LIMITS, executionFrames: 10 }).open('e')
  for (let count = 0; count < 1_000; count++) byFrames.append(delta())
  t.same([byFrames.firstSeq, byFrames.lastSeq], [991, 1_000], 'by number')
  t.same(idsIn(byFrames.framesAfter(990)), [991, 992, 993, 994, 995, 996, 997, 998, 999, 1000])
  t.equal(byFrames.framesAfter(989), undefined, 'earlier places cannot be read any more')

  const log = new MemoryEventLog({ ...LIMITS, executionBytes: 10_000 })
  const byBytes = log.open('e')
  for (let count = 0; count < 100; count++) byBytes.append(delta('x'.repeat(1_000)))
  t.ok(log.bytes <= 10_000, `by size: ${log.bytes} bytes`)
  t.ok(byBytes.firstSeq > 90)
})

t.test('of a trimmed execution that has ended, its first event, whole message and end remain', async (t) => {
  const events = new MemoryEventLog({ ...LIMITS, executionFrames: 1 }).open('e')
  const ids = { executionId: 'e', sessionId: 's', messageId: 'm' }
  events.append({ type: 'execution.started', ...ids, mode: 'runtime_orchestrator', attempt: 1, model: 'x' })
  events.append(STARTED)
  events.append(delta())
  events.append({ type: 'message.completed', messageId: 'm', content: 'x', finishReason: 'stop' })
  events.append(CANCELLED)
  t.equal(events.framesAfter(0), undefined)
  t.same(idsIn(events.replay(0)), [1, 4, 5], 'under their own numbers')
  t.same([idsIn(events.replay(1)), idsIn(events.replay(4))], [[4, 5], [5]], 'to whom has the first of them, the others')
})

t.test('executions are forgotten some time after their end', async (t) => {
  let now = 1_000
  const dropped: string[] = []
  const log = new MemoryEventLog({ ...LIMITS, keepMs: 100, now: () => now, onDropped: (id) => dropped.push(id) })
  const ended = log.open('ended')
  log.open('running').append(delta())
  ended.append(CANCELLED)
  now = 1_099
  log.sweep()
  t.same(dropped, [], 'not before')
  now = 1_100
  log.sweep()
  t.same(
    [dropped, log.find('ended'), log.find('running')?.lastSeq],
    [['ended'], undefined, 1],
    'and never while they run'
  )
})

t.test(
  'when the process keeps too much, ended executions go first, then the writer gives up its own past',
  async (t) => {
    const dropped: string[] = []
    const log = new MemoryEventLog({ ...LIMITS, processBytes: 30_000, onDropped: (id) => dropped.push(id) })
    for (const id of ['a', 'b']) {
      const events = log.open(id)
      events.append(delta('x'.repeat(2_000)))
      events.append(CANCELLED)
    }
    const running = log.open('c')
    for (let count = 0; count < 5; count++) running.append(delta('x'.repeat(3_000)))
    t.same(dropped, ['a'], 'the oldest ended one, and no more than needed')
    for (let count = 0; count < 20; count++) running.append(delta('x'.repeat(3_000)))
    t.same(dropped, ['a', 'b'])
    t.ok(log.bytes <= 30_000, `${log.bytes} bytes`)
    t.equal(running.framesAfter(0), undefined)
    t.same(idsIn(running.framesAfter(24)), [25], 'the newest event always stays')
  }
)

t.test('a second run of the same execution has a log of its own', async (t) => {
  const log = new MemoryEventLog(LIMITS)
  const first = log.open('e')
  first.append(delta())
  const before = log.bytes
  const second = log.open('e')
  t.ok(log.bytes < before, 'the first one no longer counts')
  const empty = log.bytes
  first.append(delta('x'.repeat(5_000)))
  t.equal(log.bytes, empty, 'whatever it still writes')
  t.same([log.find('e') === second, second.lastSeq], [true, 0])
})

t.test('whatever happens, the size that is kept is the sum of its parts and within the limit', async (t) => {
  const step = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    action: fc.constantFrom('open', 'append', 'append', 'append', 'end'),
    size: fc.nat(6_000)
  })
  const property = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const log = new MemoryEventLog({ ...LIMITS, executionBytes: 20_000, processBytes: 40_000 })
    for (const { id, action, size } of steps) {
      if (action === 'open') log.open(id)
      else log.find(id)?.append(action === 'end' ? CANCELLED : delta('x'.repeat(size)))
      let sum = 0
      for (const name of ['a', 'b', 'c', 'd']) sum += (log.find(name) as { bytes?: number } | undefined)?.bytes ?? 0
      if (sum !== log.bytes || sum > 40_000 + 10_000) return false
    }
    return true
  })
  fc.assert(property, { numRuns: 300 })
  t.pass('in 300 histories')
})
