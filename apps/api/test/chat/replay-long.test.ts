import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { isType } from '../helpers/chat-client.ts'
import { clientOf } from '../helpers/start-pair.ts'

t.test('a call is repeated whose first events are kept no longer', async (t) => {
  const simulator = await startSimulator(t)
  const { app, createOrganization } = await buildTestApp(t, { LLM_BASE_URL: simulator.baseUrl })
  const org = await createOrganization('acme')
  const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
  const headers = { 'idempotency-key': 'long' }
  const body = { message: 'Long [[sim:length=30 gap=30]]' }
  const inJson = () => client.call(org, 'POST', '/chat', { ...body, stream: false }, headers)

  const chat = await client.stream(org, body, headers)
  await chat.until(isType('message.delta'))
  const events = app.chat.events.get(chat.headers.get('x-execution-id') ?? '')
  if (events === undefined) throw new Error('the execution is in no event log')
  const { messageId } = events
  for (let index = 0; index < 2000; index++) events.append({ type: 'message.delta', messageId, delta: 'x' })

  const waiting = inJson()
  const busy = await client.call(org, 'POST', '/chat', body, headers)
  t.equal(busy.status, 409)
  t.match(busy.body.error, { code: 'SESSION_BUSY', message: new RegExp(events.executionId) })
  t.notOk(events.ended)

  const told = await chat.ended
  t.match(told.at(-1), { type: 'execution.completed' }, 'nobody held it up')
  const { content } = told.find(isType('message.completed')) as { content: string }
  for (const answer of [await waiting, await inJson()]) {
    t.equal(answer.status, 200)
    t.equal(answer.headers.get('idempotency-replayed'), 'true')
    t.equal(answer.body.data.message.content, content)
  }
  const again = await client.stream(org, body, headers)
  t.match(await again.ended, [
    { type: 'execution.started' },
    { type: 'message.started' },
    { type: 'message.completed', content },
    { type: 'execution.completed' }
  ])
})
