import { notifyCancel } from '@semibot/db'
import { waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'

/** An api whose accepts call `between` once the turn is stored and nobody here knows it yet. */
async function startPausing(t: Test, between: (executionId: string) => Promise<void>) {
  const { app, createOrganization } = await buildTestApp(t)
  const { member } = await createOrganization('acme')
  const { turns, running, executors } = app.chat
  const accept = turns.accept
  turns.accept = async (turn) => {
    const result = await accept(turn)
    await between(turn.executionId)
    return result
  }
  const asked: string[] = []
  executors.direct_llm.execute = async ({ executionId, messageId }, { accepted, emit }) => {
    asked.push(executionId)
    accepted()
    emit({ type: 'message.started', messageId })
    emit({ type: 'message.completed', messageId, content: 'Hello', finishReason: 'stop' })
    return { finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }
  }
  const call = (payload: object) =>
    app.inject({ method: 'POST', url: '/api/v1/chat', headers: member.headers, payload: { stream: false, ...payload } })
  return { app, running, asked, call }
}

t.test('a notice of a cancel that comes while the call is accepted is kept until its execution begins', async (t) => {
  let heard = false
  const { app, running, asked, call } = await startPausing(t, async (executionId) => {
    const get = running.get.bind(running)
    running.get = (id) => {
      // The notice: nobody else asks now.
      heard ||= id === executionId
      return get(id)
    }
    const notify = async () => {
      await notifyCancel(app.db, executionId)
      return heard
    }
    await waitFor(notify, { what: 'the notice' })
  })
  const { statusCode } = await call({ message: 'Hello' })
  t.equal(statusCode, 409)
  t.strictSame(asked, [], 'no model is asked')
  t.match(await app.db.selectFrom('executions').select('status').execute(), [{ status: 'cancelled' }])
})

t.test('only what begins is expected', async (t) => {
  const ids: string[] = []
  const { running, asked, call } = await startPausing(t, async (executionId) => {
    ids.push(executionId)
    if (ids.length === 2) throw new Error('broken')
    t.ok(running.get(executionId))
  })
  const { data } = (await call({ message: 'Hello' })).json()
  t.equal((await call({ message: 'Hello' })).statusCode, 500)
  t.equal((await call({ message: 'Hello', sessionId: data.executionId })).statusCode, 404)
  t.strictSame(asked, ids.slice(0, 1))
  t.equal(ids.length, 3)
  await waitFor(() => running.size === 0, { what: 'the end of the first one' })
  for (const id of ids) t.equal(running.get(id), undefined)
})
