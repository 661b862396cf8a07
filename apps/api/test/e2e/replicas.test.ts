import { startRedis } from '@semibot/stack'
import { missingRedis, startApi, testRedisUrl, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType } from '../helpers/chat-client.ts'
import { clientOf, startPair } from '../helpers/start-pair.ts'

const skip = missingRedis()

t.test('with Redis any replica serves the resume of any run', { skip }, async (t) => {
  const pair = await startPair(t, { runtimes: 0, apiEnv: { REDIS_URL: testRedisUrl(t) } })
  const { direct } = pair
  const other = clientOf((await startApi(t, pair.apiEnv)).baseUrl)

  await t.test('while it runs: from the start, and from the middle', async (t) => {
    const chat = await pair.stream(direct, { message: 'Long [[sim:length=150]]' })
    const executionId = chat.headers.get('x-execution-id') ?? ''
    await chat.until((event) => event.seq > 30)
    const whole = await waitFor(
      async () => {
        const stream = await other.resume(direct, executionId)
        return stream.status === 200 ? stream : undefined
      },
      { what: 'the events to reach the other replica' }
    )
    const middle = await other.resume(direct, executionId, 20)
    t.equal(whole.headers.get('x-semibot-execution-mode'), 'direct_llm')
    const expected = await chat.ended
    t.same(await whole.ended, expected)
    t.same(await middle.ended, expected.slice(20))
  })

  await t.test('and nobody else can', async (t) => {
    const chat = await pair.stream(direct, { message: 'Long [[sim:length=150]]' })
    const executionId = chat.headers.get('x-execution-id') ?? ''
    await waitFor(async () => (await other.resume(direct, executionId)).status === 200, { what: 'the other replica' })
    t.equal((await other.resume(pair.inRuntime, executionId)).status, 404)
    await pair.call(direct, 'POST', `/chat/executions/${executionId}/cancel`)
  })

  await t.test('when the replica that runs it dies, the reader gets its end', async (t) => {
    const doomed = await startApi(t, pair.apiEnv)
    const chat = await clientOf(doomed.baseUrl).stream(direct, { message: 'Long [[sim:length=3000]]' })
    const executionId = chat.headers.get('x-execution-id') ?? ''
    await chat.until(isType('message.delta'))
    const reader = await waitFor(
      async () => {
        const stream = await other.resume(direct, executionId)
        return stream.status === 200 ? stream : undefined
      },
      { what: 'the other replica' }
    )
    doomed.kill('SIGKILL')
    const aMinuteAgo = new Date(Date.now() - 60_000)
    const { owner } = await pair.db
      .selectFrom('executions')
      .select('owner')
      .where('id', '=', executionId)
      .executeTakeFirstOrThrow()
    await pair.db.updateTable('service_instances').set({ steady_since: aMinuteAgo }).execute()
    await pair.db.updateTable('service_instances').set({ seen_at: aMinuteAgo }).where('id', '=', owner).execute()
    await pair.db.updateTable('executions').set({ created_at: aMinuteAgo }).where('id', '=', executionId).execute()
    t.match((await reader.ended).at(-1), { type: 'execution.failed', error: { code: 'INTERNAL', retryable: true } })
  })
})

t.test('Redis goes away while chats run', { skip }, async (t) => {
  const redis = await startRedis({})
  if (redis === undefined) throw new Error('redis-server is gone')
  t.teardown(() => redis.stop())
  const pair = await startPair(t, { runtimes: 0, apiEnv: { REDIS_URL: redis.url } })
  const { direct } = pair
  const chat = await pair.stream(direct, { message: 'Long [[sim:length=200]]' })
  await chat.until((event) => event.seq > 20)
  await redis.stop()
  t.match((await chat.ended).at(-1), { type: 'execution.completed' }, 'the stream goes on')
  const next = await pair.call(direct, 'POST', '/chat', { message: 'Hello', stream: false })
  t.equal(next.status, 200, 'and so does the service')
  const executionId = chat.headers.get('x-execution-id') ?? ''
  t.same(await (await pair.resume(direct, executionId)).ended, chat.events, 'the replica that ran it still resumes it')
})
