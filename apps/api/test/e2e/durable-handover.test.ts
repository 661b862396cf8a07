import { faultProxy } from '@semibot/stack'
import { missingRedis, startApi, testRedisUrl, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType } from '../helpers/chat-client.ts'
import { startDurable } from '../helpers/start-durable.ts'
import { clientOf } from '../helpers/start-pair.ts'

const STEPS = 4

t.test(
  'an api that is stopped leaves its chats with tools to another one, also after Redis was away',
  { skip: missingRedis() },
  async (t) => {
    const redisUrl = new URL(testRedisUrl(t))
    const successorEnv = { REDIS_URL: redisUrl.href }
    const redis = await faultProxy({ target: `http://${redisUrl.host}` })
    t.teardown(() => redis.stop())
    redisUrl.host = `127.0.0.1:${redis.port}`
    const redisEnv = { REDIS_URL: redisUrl.href, SHUTDOWN_GRACE_MS: '500' }
    const durable = await startDurable(t, { runtimes: 1, apiEnv: redisEnv })
    const { inRuntime, stream, work, effects, api, apiEnv } = durable
    const successor = await startApi(t, { ...apiEnv, ...successorEnv })
    const other = clientOf(successor.baseUrl)

    const slow = { beforeMs: 3000 }
    const chat = await stream(inRuntime, work('effect_idempotent', STEPS, slow))
    const plain = await stream(inRuntime, { message: 'Talk. [[sim:length=3000]]' })
    await Promise.all([chat.until(isType('tool.finished')), plain.until(isType('message.delta'))])
    // Events of this time could not be copied when they came.
    await redis.set({ kind: 'refuse' })
    await chat.until(() => chat.events.filter(isType('tool.finished')).length > 1)
    await redis.set({ kind: 'none' })
    const hasRedis = async () =>
      ((await (await fetch(`${api.baseUrl}/ready`)).json()) as { dependencies: { redis: { state: string } } })
        .dependencies.redis.state === 'up'
    await waitFor(hasRedis, { what: 'the connection to Redis' })
    const executionId = chat.headers.get('x-execution-id') ?? ''
    const stopped = api.stop()
    await t.rejects(chat.ended, 'the socket is destroyed, for the run goes on')
    t.match((await plain.ended).at(-1), { type: 'execution.failed', error: { code: 'SHUTTING_DOWN', retryable: true } })

    const seen = chat.events.at(-1)?.seq ?? 0
    t.notOk(chat.events.some(isType('execution.failed')))
    const resumed = await other.resume(inRuntime, executionId, seen)
    t.equal(resumed.status, 200)
    await stopped
    t.ok(api.lines.some((line) => line.includes('执行留给其它进程继续')))
    const running = await other.call(inRuntime, 'GET', `/chat/executions/${executionId}`)
    t.equal(running.body.data?.status, 'running')

    const events = await resumed.ended
    t.strictSame(
      events.map(({ seq }) => seq),
      events.map((_, index) => seen + index + 1),
      'numbered on without a gap'
    )
    t.ok(events.some(isType('tool.finished')), 'the answer is heard as it goes on, not its end alone')
    t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
    t.match(events.find(isType('message.completed')), { content: new RegExp(`done ${STEPS}`) }, 'with the whole answer')
    const effected = effects().filter((line) => line.executionId === executionId && line.phase === 'effect')
    t.equal(effected.length, STEPS, 'every effect once')

    const late = await other.resume(inRuntime, executionId, seen)
    t.match((await late.ended).find(isType('message.completed')), { content: new RegExp(`done ${STEPS}`) })
    await waitFor(
      async () => (await other.call(inRuntime, 'POST', '/chat', { message: 'Hi', stream: false })).status === 200,
      {
        what: 'chats to go on'
      }
    )
  }
)
