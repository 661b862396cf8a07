import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { clientOf } from '../helpers/start-pair.ts'

t.test('a call for one JSON answer that outlasts the shutdown is told so', async (t) => {
  const simulator = await startSimulator(t)
  const environment = { LLM_BASE_URL: simulator.baseUrl, SHUTDOWN_GRACE_MS: '100' }
  const { app, createOrganization } = await buildTestApp(t, environment)
  const org = await createOrganization('acme')
  const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
  const answer = client.call(org, 'POST', '/chat', { message: 'Slow [[sim:slow=1000]]', stream: false })
  await waitFor(() => app.chat.running.size === 1, { what: 'the call to be accepted' })
  const [{ status, headers, body }] = await Promise.all([answer, app.close()])
  t.equal(status, 503)
  t.equal(headers.get('retry-after'), '1')
  t.match(body.error, { code: 'SHUTTING_DOWN', message: 'The server is shutting down; send the message again.' })
})
