import type { ChatEventBody } from '@semibot/chat-protocol'
import t from 'tap'
import { MemoryEventLog } from '../../src/engine/memory-event-log.ts'
import { streamEvents } from '../../src/engine/stream-events.ts'
import { createSink } from '../helpers/sink.ts'

const LIMITS = { executionBytes: 1_000_000, executionFrames: 5, processBytes: 10_000_000, keepMs: 600_000 }
const DELTA: ChatEventBody = { type: 'message.delta', messageId: 'm', delta: 'x' }
const CANCELLED: ChatEventBody = { type: 'execution.cancelled', reason: 'user' }

function begin(before = 0) {
  const events = new MemoryEventLog(LIMITS).open('e')
  const append = (count: number) => {
    for (let done = 0; done < count; done++) events.append(DELTA)
  }
  append(before)
  return { events, append, sink: createSink() }
}

t.test('a reader gets what was before and what comes, and the end', async (t) => {
  const { events, append, sink } = begin(2)
  streamEvents(events, sink, 0)
  append(1)
  t.same([sink.ids, sink.ended], [[1, 2, 3], false])
  events.append(CANCELLED)
  t.same([sink.ids, sink.ended, sink.destroyed], [[1, 2, 3, 4], true, false])
})

t.test('a reader that comes again gets the rest only', async (t) => {
  const { events, append, sink } = begin(3)
  streamEvents(events, sink, 2)
  append(1)
  t.same(sink.ids, [3, 4])

  const late = createSink()
  events.append(CANCELLED)
  streamEvents(events, late, 5)
  t.same([late.ids, late.ended], [[], true], 'or just the end')
})

t.test('a slow reader is not written to, and catches up', async (t) => {
  const { events, append, sink } = begin()
  streamEvents(events, sink, 0)
  append(1)
  sink.congested = true
  append(3)
  t.same(sink.ids, [1])
  sink.drain()
  t.same(sink.ids, [1, 2, 3, 4])
  sink.congested = true
  events.append(CANCELLED)
  t.equal(sink.ended, false)
  sink.drain()
  t.same([sink.ids, sink.ended], [[1, 2, 3, 4, 5], true])
})

t.test('a reader that fell too far behind is cut off while the execution runs', async (t) => {
  const { append, events, sink } = begin()
  streamEvents(events, sink, 0)
  sink.congested = true
  append(20)
  sink.drain()
  t.same([sink.ids, sink.destroyed], [[], true])
})

t.test('and gets what is left of it when it has ended meanwhile', async (t) => {
  const { events, append, sink } = begin()
  streamEvents(events, sink, 0)
  sink.congested = true
  append(20)
  events.append({ type: 'message.completed', messageId: 'm', content: 'x', finishReason: 'stop' })
  events.append(CANCELLED)
  sink.drain()
  t.same([sink.ids, sink.destroyed, sink.ended], [[21, 22], false, true])
})

t.test('and is not told again how it began', async (t) => {
  const { events, append, sink } = begin()
  const ids = { executionId: 'e', sessionId: 's', messageId: 'm' }
  events.append({ type: 'execution.started', ...ids, mode: 'runtime_orchestrator', attempt: 1, model: 'x' })
  const late = createSink()
  streamEvents(events, sink, 0)
  streamEvents(events, late, 1, ['id: 1\n'])
  for (const reader of [sink, late]) reader.congested = true
  append(20)
  events.append({ type: 'message.completed', messageId: 'm', content: 'x', finishReason: 'stop' })
  events.append(CANCELLED)
  for (const reader of [sink, late]) {
    reader.drain()
    t.same([reader.ids, reader.ended], [[1, 22, 23], true])
  }
  const again = createSink()
  streamEvents(events, again, 3)
  t.same(again.ids, [1, 22, 23], 'who comes again gets a stream of its own')
})

t.test('frames that go out first wait for a slow reader, too, and come before what is new', async (t) => {
  const { events, append, sink } = begin(20)
  sink.congested = true
  streamEvents(events, sink, 20, ['id: 1\n', 'id: 7\n'])
  append(1)
  t.same(sink.ids, [])
  sink.drain()
  t.same(sink.ids, [1, 7, 21])
  append(1)
  t.same(sink.ids, [1, 7, 21, 22], 'once')
})

t.test('a reader that left gets nothing more', async (t) => {
  const { events, append, sink } = begin(1)
  const stop = streamEvents(events, sink, 0)
  stop()
  append(1)
  t.same(sink.ids, [1])

  const gone = createSink()
  streamEvents(events, gone, 2)
  gone.ended = true
  append(1)
  t.same(gone.ids, [])
})
