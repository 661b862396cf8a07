import { missingRedis, startSimulator, testRedisUrl, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { isType } from '../helpers/chat-client.ts'
import { clientOf } from '../helpers/start-pair.ts'

t.test(
  'a client that is ahead of this process, as after an adoption, hears nothing twice',
  {
    skip: missingRedis()
  },
  async (t) => {
    const simulator = await startSimulator(t)
    const environment = { LLM_BASE_URL: simulator.baseUrl, REDIS_URL: testRedisUrl(t) }
    const { app, createOrganization } = await buildTestApp(t, environment)
    const org = await createOrganization('acme')
    const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
    const chat = await client.stream(org, { message: 'Long [[sim:length=60 gap=30]]' })
    await chat.until(isType('message.delta'))
    const executionId = chat.headers.get('x-execution-id') ?? ''
    await waitFor(async () => (await app.chat.follow(executionId, 0)) !== undefined, { what: 'the copy' })

    const ahead = (app.chat.events.get(executionId)?.lastSeq ?? 0) + 10
    const resumed = await client.resume(org, executionId, ahead)
    t.equal(resumed.status, 200)
    const told = await chat.ended
    t.same(await resumed.ended, told.slice(ahead), 'what it has is waited for')

    const beyond = await client.resume(org, executionId, told.length + 10)
    t.same(await beyond.ended, told.slice(-1), 'and who is ahead of the end hears the end')
  }
)
