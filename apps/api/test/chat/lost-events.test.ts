import type { AddressInfo } from 'node:net'
import { createDrain } from '@semibot/service-kit'
import { fastify } from 'fastify'
import t from 'tap'
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
