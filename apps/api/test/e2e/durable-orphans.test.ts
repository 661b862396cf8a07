import { startApi, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType } from '../helpers/chat-client.ts'
import { startDurable } from '../helpers/start-durable.ts'
import { clientOf } from '../helpers/start-pair.ts'

const STEPS = 3

t.test('an api that dies leaves its chats with tools to another one, and their runs go on', async (t) => {
  const durable = await startDurable(t)
  const { inRuntime, stream, work, effects, api, apiEnv } = durable
  // Steady before the other one dies: an api that has just begun calls nobody dead.
  const successor = await startApi(t, apiEnv)
  const other = clientOf(successor.baseUrl)

  const steps = Array.from({ length: 2 }, () => work('effect_idempotent', STEPS, { beforeMs: 1500 }))
  const chats = await Promise.all(steps.map((body) => stream(inRuntime, body)))
  const ids = chats.map(({ headers }) => headers.get('x-execution-id') ?? '')
  const unwanted = await stream(inRuntime, work('effect_idempotent', 30, { beforeMs: 1500 }))
  await Promise.all([...chats, unwanted].map((chat) => chat.until(isType('tool.finished'))))
  api.kill('SIGKILL')
  // One of the runtimes dies as well: the run that it had has nobody left.
  const [victim] = durable.runtimes
  victim?.kill('SIGKILL')

  for (const [index, id] of ids.entries()) {
    const stored = await waitFor(
      async () => {
        const { body } = await other.call(inRuntime, 'GET', `/chat/executions/${id}`)
        return body.data?.status === 'running' ? undefined : body.data
      },
      { what: 'the end of the execution', timeoutMs: 60_000 }
    )
    t.match(stored, { status: 'completed', mode: 'runtime_orchestrator' }, `chat ${index}`)
    const again = await other.resume(inRuntime, id)
    t.match((await again.ended).find(isType('message.completed')), { content: /done 3/ }, 'the whole answer is stored')
    const effected = effects().filter(({ executionId, phase }) => executionId === id && phase === 'effect')
    t.equal(effected.length, STEPS, 'every effect once')
  }
  t.ok(successor.lines.some((line) => line.includes('由本进程接管')))

  const session = `${successor.baseUrl}/api/v1/sessions/${unwanted.headers.get('x-session-id')}`
  t.equal((await fetch(session, { method: 'DELETE', headers: inRuntime.member.headers })).status, 204)
  const statusOf = () =>
    durable.db
      .selectFrom('executions')
      .select('status')
      .where('id', '=', unwanted.headers.get('x-execution-id'))
      .executeTakeFirst()
  await waitFor(async () => (await statusOf())?.status === 'cancelled', {
    what: 'the deleted session to be left alone'
  })
  const next = await other.call(inRuntime, 'POST', '/chat', { message: 'Hi', stream: false })
  t.equal(next.status, 200, 'and chats go on')
})
