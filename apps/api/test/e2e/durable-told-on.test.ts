import { missingRedis, startApi, testRedisUrl } from '@semibot/stack/test'
import t from 'tap'
import { isType, textOf } from '../helpers/chat-client.ts'
import { startDurable } from '../helpers/start-durable.ts'
import { clientOf } from '../helpers/start-pair.ts'

const STEPS = 12

t.test('whoever comes back after the death of an api hears the answer grow', { skip: missingRedis() }, async (t) => {
  const redis = { REDIS_URL: testRedisUrl(t) }
  const { inRuntime, stream, work, effects, api, apiEnv } = await startDurable(t, { apiEnv: redis })
  // Either of them adopts the run; the other one hears of it through Redis.
  const successors = await Promise.all([startApi(t, apiEnv), startApi(t, apiEnv)])

  const chat = await stream(inRuntime, work('effect_idempotent', STEPS, { beforeMs: 1500 }, 'talk=5'))
  await chat.until(isType('tool.finished'))
  const executionId = chat.headers.get('x-execution-id') ?? ''
  api.kill('SIGKILL')
  await t.rejects(chat.ended)
  const seen = chat.events.at(-1)?.seq ?? 0

  const resumed = await Promise.all(
    successors.map(({ baseUrl }) => clientOf(baseUrl).resume(inRuntime, executionId, seen))
  )
  for (const [index, { ended }] of resumed.entries()) {
    const events = await ended
    t.strictSame(
      events.map(({ seq }) => seq),
      events.map((_, place) => seen + place + 1),
      `api ${index}: numbered on without a gap`
    )
    const whole = [...chat.events, ...events]
    const finished = whole.flatMap((event) => (event.type === 'tool.finished' ? [event] : []))
    t.equal(new Set(finished.map(({ toolCallId }) => toolCallId)).size, STEPS, 'every step is told')
    t.equal(finished.length, STEPS, 'and once')
    t.ok(finished.every(({ status }) => status === 'ok'))
    const completed = whole.flatMap((event) => (event.type === 'message.completed' ? [event.content] : []))
    t.equal(completed.length, 1)
    t.match(completed[0], new RegExp(`done ${STEPS}`))
    t.equal(textOf(whole), completed[0], 'the pieces make up the whole')
    const end = events.at(-1)
    t.match(end, { type: 'execution.completed', mode: 'runtime_orchestrator' })
    // Each step takes a second and a half: what was told at once at the end would be of one moment.
    const last = events.filter(isType('tool.finished')).map(({ ts }) => ts)
    t.ok(last.at(-1)! - last[0]! > 3000, 'as it happened')
  }
  const done = effects().filter((line) => line.executionId === executionId && line.phase === 'effect')
  t.equal(done.length, STEPS, 'every effect once')
})
