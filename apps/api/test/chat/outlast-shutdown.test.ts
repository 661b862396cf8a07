import { randomUUID } from 'node:crypto'
import type { ExecutionRecord } from '@semibot/db'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { DEFAULT_EVENT_LOG_LIMITS, EventBuffer } from '../../src/chat/event-buffer.ts'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { isType } from '../helpers/chat-client.ts'
import { clientOf } from '../helpers/start-pair.ts'
import { startedEvent } from '../helpers/started-event.ts'

for (const stream of [false, true]) {
  const kind = stream ? 'a stream that has not begun' : 'one JSON answer'
  t.test(`who waits for ${kind} longer than a shutdown does is told so`, async (t) => {
    const { app, createOrganization } = await buildTestApp(t, { SHUTDOWN_GRACE_MS: '100' })
    const org = await createOrganization('acme')
    const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
    // A model that says nothing until it is told to stop.
    app.chat.executors.direct_llm.execute = (_execution, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const answer = client.call(org, 'POST', '/chat', { message: 'Hello', stream })
    await waitFor(() => app.chat.running.size === 1, { what: 'the call to be accepted' })
    const [{ status, headers, body }] = await Promise.all([answer, app.close()])
    t.equal(status, 503)
    t.equal(headers.get('retry-after'), '1')
    t.match(body.error, { code: 'SHUTTING_DOWN', message: 'The server is shutting down; send the message again.' })
  })
}

t.test('a chat that comes when the grace is over is refused, and nothing of it is kept', async (t) => {
  const { app, createOrganization } = await buildTestApp(t, { SHUTDOWN_GRACE_MS: '100' })
  const org = await createOrganization('acme')
  const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
  const stopped = Promise.withResolvers<void>()
  // A model whose end is not heard of for a while.
  app.chat.executors.direct_llm.execute = async (_execution, { signal }) => {
    await stopped.promise
    throw signal.reason
  }
  const first = client.call(org, 'POST', '/chat', { message: 'Hello', stream: false })
  await waitFor(() => app.chat.running.size === 1, { what: 'the call to be accepted' })
  const closing = app.close()
  await waitFor(() => app.chat.drain.finishing, { what: 'the grace to be over' })
  const headers = { 'idempotency-key': 'late' }
  const late = await client.call(org, 'POST', '/chat', { message: 'And now?', stream: false }, headers)
  t.equal(late.status, 503)
  t.equal(late.headers.get('retry-after'), '1')
  t.equal(late.headers.get('x-should-retry'), null, 'the same call may be made again')
  t.equal(late.body.error.code, 'SHUTTING_DOWN')
  t.equal((await app.db.selectFrom('executions').select('id').execute()).length, 1)
  stopped.resolve()
  await Promise.all([first, closing])
})

t.test('who reads what another process runs does not hold a shutdown up', async (t) => {
  const { app, createOrganization } = await buildTestApp(t, { SHUTDOWN_GRACE_MS: '100' })
  const org = await createOrganization('acme')
  const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
  const executionId = randomUUID()
  const identity = { executionId, sessionId: 's', messageId: 'm', orgId: org.id, userId: null }
  const events = new EventBuffer(identity, DEFAULT_EVENT_LOG_LIMITS, Date.now)
  events.append(startedEvent())
  app.chat.follow = async () => events
  app.chat.findExecution = async () => ({ id: executionId }) as ExecutionRecord
  const reader = await client.resume(org, executionId)
  await reader.until(isType('execution.started'))
  const startedAt = performance.now()
  const closing = app.close()
  await t.rejects(reader.ended, 'it is cut off, and goes on where the execution runs')
  await closing
  t.ok(performance.now() - startedAt < 4000, 'not after the time that last events may take')
})
