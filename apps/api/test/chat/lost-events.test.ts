import type { AddressInfo } from 'node:net'
import { createDrain } from '@semibot/service-kit'
import { fastify } from 'fastify'
import t from 'tap'
import { DEFAULT_EVENT_LOG_LIMITS } from '../../src/chat/event-buffer.ts'
import { waitForEnd } from '../../src/chat/json-reply.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'
import { streamReply } from '../../src/chat/stream-reply.ts'
import { nativeFace } from '../../src/faces/native.ts'
import { openStream } from '../helpers/chat-client.ts'
import { startedEvent } from '../helpers/started-event.ts'

const ids = { executionId: 'e', sessionId: 's', messageId: 'm', orgId: 'o', userId: null }

t.test('a reader whose next events are lost is cut off, and the process goes on', async (t) => {
  const events = new MemoryEventLog().open(ids)
  const app = fastify()
  const drain = createDrain({ graceMs: 0 })
  app.get('/', (request, reply) =>
    streamReply(reply, events, {
      face: nativeFace,
      context: { sessionId: 's', executionId: 'e', requestId: request.id },
      after: 0,
      drain,
      finish: () => {}
    })
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const opening = openStream(`http://127.0.0.1:${port}/`, 'key')
  events.append(startedEvent())
  const stream = await opening
  await stream.until(({ type }) => type === 'execution.started')
  events.fail()
  await t.rejects(stream.ended, 'the response was cut')
  t.equal(drain.openStreams, 0)
})

t.test('who waits for the whole answer learns where it will be', async (t) => {
  const events = new MemoryEventLog().open(ids)
  events.append(startedEvent())
  const end = waitForEnd(events)
  events.fail()
  await t.rejects(end, { code: 'SHUTTING_DOWN', message: /executions\/e / })
})

t.test('who waits for the whole answer gets it however much of the way there was dropped', async (t) => {
  const events = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, maxEvents: 3, congestedBytes: 2000 }).open(ids)
  const tellMore = () => {
    for (let index = 0; index < 9; index++)
      events.append({ type: 'message.delta', messageId: 'm', delta: 'x'.repeat(99) })
  }
  const fromTheStart = waitForEnd(events)
  events.append(startedEvent())
  tellMore()
  const late = waitForEnd(events)
  await Promise.resolve()
  t.notOk(events.congested, 'nobody holds it up')
  tellMore()
  events.append({ type: 'message.completed', messageId: 'm', content: 'whole', finishReason: 'stop' })
  await Promise.resolve()
  events.append({ type: 'execution.cancelled', reason: 'user' })
  for (const end of [fromTheStart, late]) {
    t.match(await end, { content: 'whole', terminal: { type: 'execution.cancelled' } })
  }
})

t.test('nobody is left behind who waits for an answer that is lost', async (t) => {
  const events = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, congestedBytes: 0 }).open(ids)
  const end = waitForEnd(events)
  events.fail()
  await t.rejects(end, { code: 'SHUTTING_DOWN' })
  events.append(startedEvent())
  t.notOk(events.congested)
})
