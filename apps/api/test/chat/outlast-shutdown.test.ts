import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { clientOf } from '../helpers/start-pair.ts'

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
