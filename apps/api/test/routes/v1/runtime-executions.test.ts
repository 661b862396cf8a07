import { randomUUID } from 'node:crypto'
import { beginDurableRun, beginStep, recordStep, renewLease } from '@semibot/db'
import t from 'tap'
import { buildTestApp } from '../../helpers/build-test-app.ts'
import { ADMIN_TOKEN } from '../../helpers/start-pair.ts'

t.test('the operator sees the durable executions of all organisations, and can end one', async (t) => {
  const { app, createOrganization } = await buildTestApp(t, { ADMIN_TOKEN })
  const org = await createOrganization('acme')
  const call = (method: 'GET' | 'POST', path: string) =>
    app.inject({
      method,
      url: `/api/v1/runtime/executions${path}`,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` }
    })
  t.same((await call('GET', '')).json(), { success: true, data: [] })
  t.same((await call('GET', '/unknown')).json(), { success: true, data: [] })

  const run = { orgId: org.id, executionId: randomUUID(), owner: 'runtime-1', epoch: 1 }
  await renewLease(app.db, run.owner, 1500)
  const rest = { sessionId: randomUUID(), messageId: randomUUID(), agent: 'worker', request: {}, remainingMs: 60_000 }
  await beginDurableRun(app.db, { ...run, ...rest, steps: [{ name: 'llm:0', effect: 'none', result: 'secret' }] })
  const step = { name: 'tool:call-1:send', effect: 'unsafe' }
  await beginStep(app.db, run, step)
  await recordStep(app.db, run, { ...step, status: 'unknown', result: 'secret' })

  const { executionId } = run
  const listed = await call('GET', '?status=running&orgId=acme&limit=1')
  t.match(listed.json(), { data: [{ executionId, org: 'acme', owner: 'runtime-1', steps: 2, unknownSteps: 1 }] })
  t.same((await call('GET', '?status=failed')).json().data, [])
  const unknown = await call('GET', '/unknown')
  t.match(unknown.json(), { data: [{ executionId, org: 'acme', toolCallId: 'call-1', tool: 'send' }] })
  const shown = await call('GET', `/${executionId}`)
  t.match(shown.json(), { data: { executionId, stepList: [{}, { ...step, status: 'unknown', epoch: 1 }] } })
  t.notMatch([listed, unknown, shown].map(({ body }) => body).join(), /secret/)

  t.match((await call('POST', `/${executionId}/cancel`)).json(), { data: { executionId, status: 'cancelled' } })
  t.match((await call('GET', `/${executionId}`)).json(), { data: { status: 'cancelled', endedAt: String } })
  for (const [method, path] of [
    ['GET', `/${randomUUID()}`],
    ['POST', `/${randomUUID()}/cancel`],
    ['GET', '?orgId=nobody']
  ] as const) {
    const answer = await call(method, path)
    t.match([answer.statusCode, answer.json()], [404, { error: { code: 'NOT_FOUND' } }], path)
  }
  for (const path of ['/seven', '?limit=0', '?limit=201', '?status=odd', '?odd=1']) {
    t.equal((await call('GET', path)).statusCode, 400, path)
  }
})
