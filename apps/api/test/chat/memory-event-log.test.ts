import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import fc from 'fast-check'
import t from 'tap'
import { DEFAULT_EVENT_LOG_LIMITS } from '../../src/chat/event-buffer.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'

const identity = (executionId = 'one') => ({ executionId, sessionId: 's', messageId: 'm', orgId: 'o', userId: null })
const delta = (text: string): ChatEventBody => ({ type: 'message.delta', messageId: 'm', delta: text })
const cancelled = (): ChatEventBody => ({ type: 'execution.cancelled', reason: 'user' })

function readAll(reader: { next(): ChatEvent | undefined }): ChatEvent[] {
  const events: ChatEvent[] = []
  for (let event = reader.next(); event !== undefined; event = reader.next()) events.push(event)
  return events
}

t.test('events are numbered from 1 and read from any place', async (t) => {
  const events = new MemoryEventLog().open(identity())
  for (const text of ['a', 'b', 'c']) events.append(delta(text))
  events.append(cancelled())
  const late = events.read(1, () => {})
  t.same(
    readAll(late).map((event) => event.seq),
    [2, 3, 4]
  )
  t.ok(late.ended, 'the reader has seen the end')
  const beyond = events.read(99, () => {})
  t.equal(beyond.next()?.type, 'execution.cancelled', 'whoever asks for more than there is gets the end once more')
  t.ok(beyond.ended)
  t.throws(() => events.append(delta('d')), /has ended/, 'nothing follows the terminal event')
})

t.test('any number of readers, joining and reading at any time, see the same events', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constant(null)), { maxLength: 60 }), (steps) => {
      const events = new MemoryEventLog().open(identity())
      const readers = [{ reader: events.read(0, () => {}), seen: [] as ChatEvent[] }]
      const written: string[] = []
      for (const step of steps) {
        if (step === null) readers.push({ reader: events.read(0, () => {}), seen: [] })
        else written.push(step)
        if (step !== null) events.append(delta(step))
        const chosen = readers[written.length % readers.length]
        const event = chosen?.reader.next()
        if (event !== undefined) chosen?.seen.push(event)
      }
      return readers.every(({ reader, seen }) => {
        const all = [...seen, ...readAll(reader)]
        return (
          all.length === written.length &&
          all.every(
            (event, index) =>
              event.seq === index + 1 && event.type === 'message.delta' && event.delta === written[index]
          )
        )
      })
    })
  )
  t.pass('for random interleavings')
})

t.test('the buffer is bounded by events and by bytes', async (t) => {
  const limits = { ...DEFAULT_EVENT_LOG_LIMITS, maxEvents: 10 }
  const few = new MemoryEventLog(limits).open(identity())
  const early = few.read(0, () => {})
  for (let index = 0; index < 2000; index++) few.append(delta(String(index)))
  t.equal(early.next(), undefined)
  t.ok(early.expired, 'a reader that was left behind learns it')
  t.notOk(few.keeps(1989))
  t.ok(few.keeps(1990))
  t.same(readAll(few.read(1990, () => {})).length, 10)

  const small = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, maxBytes: 10_000 }).open(identity())
  for (let index = 0; index < 100; index++) small.append(delta('x'.repeat(500)))
  t.ok(readAll(small.read(100 - 8, () => {})).length === 8)
  t.notOk(small.keeps(80))
})

t.test('the process as a whole is bounded: the oldest ended execution goes first', async (t) => {
  const log = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, maxTotalBytes: 5000 })
  for (const name of ['one', 'two', 'three']) {
    const events = log.open(identity(name))
    events.append(delta('x'.repeat(1000)))
    events.append(cancelled())
  }
  t.equal(log.get('one'), undefined)
  t.ok(log.get('three'))
  t.ok(log.totalBytes <= 5000, `${log.totalBytes} bytes`)
})

t.test('an ended execution is kept for its time, a running one for as long as it runs', async (t) => {
  let now = 0
  const log = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, keepEndedMs: 1000 }, () => now)
  log.open(identity('ended')).append(cancelled())
  log.open(identity('running')).append(delta('a'))
  now = 1000
  log.expire()
  t.ok(log.get('ended'))
  now = 1001
  log.expire()
  t.equal(log.get('ended'), undefined)
  t.ok(log.get('running'))
})

t.test('a reader that falls behind slows the producer until it has caught up or gone', async (t) => {
  const events = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, congestedBytes: 2000 }).open(identity())
  const reader = events.read(0, () => {})
  events.append(delta('x'.repeat(500)))
  t.notOk(events.congested)
  events.append(delta('x'.repeat(500)))
  t.ok(events.congested)
  let drained = 0
  events.onDrained(() => drained++)
  t.equal(drained, 0)
  readAll(reader)
  t.equal(drained, 1)
  t.notOk(events.congested)

  events.append(delta('x'.repeat(2000)))
  t.ok(events.congested)
  events.onDrained(() => drained++)
  reader.close()
  t.equal(drained, 2, 'nobody reads any more, so nobody is behind')
})
