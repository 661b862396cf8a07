import type { ServerResponse } from 'node:http'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'

for (const stream of [false, true]) {
  const kind = stream ? 'a stream' : 'one JSON answer'
  t.test(`who asks for ${kind} and goes away before the call is accepted cancels it too`, async (t) => {
    const { app, createOrganization } = await buildTestApp(t, { SHUTDOWN_GRACE_MS: '100' })
    const { member } = await createOrganization('acme')
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    const closed = new Promise<void>((resolve) => {
      app.server.once('request', (_request, response: ServerResponse) => response.once('close', resolve))
    })
    const leave = new AbortController()
    const { findAgent } = app.chat
    app.chat.findAgent = async (orgId, reference) => {
      leave.abort()
      await closed
      return findAgent(orgId, reference)
    }
    // A model that says nothing until it is told to stop.
    app.chat.executors.direct_llm.execute = (_execution, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const call = fetch(`${url}/api/v1/chat`, {
      method: 'POST',
      headers: { ...member.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'Hello', stream, onDisconnect: 'cancel' }),
      signal: leave.signal
    })
    await t.rejects(call, { name: 'AbortError' })
    const find = () => app.db.selectFrom('executions').select('status').executeTakeFirst()
    const isCancelled = async () => (await find())?.status === 'cancelled'
    t.ok(await waitFor(isCancelled, { what: 'the execution to be cancelled', timeoutMs: 5000 }))
  })
}
