import type { ChatEvent } from '@semibot/chat-protocol'
import { missingRedis, startApi, type TestService, testRedisUrl, waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { isType, textOf } from '../helpers/chat-client.ts'
import { startDurable } from '../helpers/start-durable.ts'
import { clientOf } from '../helpers/start-pair.ts'

const skip = missingRedis()
// They mostly wait: for a process to be taken for dead, and for the steps of a run.
t.jobs = 2
const STEPS = 16
const SLOW = { beforeMs: 2200 }

/** A chat under way at an api, and two more that know of Redis. */
async function begin(t: Test) {
  const durable = await startDurable(t, { apiEnv: { REDIS_URL: testRedisUrl(t) } })
  const { inRuntime, stream, work, apiEnv } = durable
  const others = await Promise.all([startApi(t, apiEnv), startApi(t, apiEnv)])
  const chat = await stream(inRuntime, work('effect_idempotent', STEPS, SLOW, 'talk=5'))
  await chat.until(isType('tool.finished'))
  const executionId = chat.headers.get('x-execution-id') ?? ''
  const hasAdopted = ({ lines }: TestService) =>
    lines.some((line) => line.includes('由本进程接管') && line.includes(executionId))
  const adopter = (among: TestService[] = others) =>
    waitFor(() => among.find(hasAdopted), { what: 'the adoption', timeoutMs: 60_000 })
  const resume = (api: TestService, after: number) => clientOf(api.baseUrl).resume(inRuntime, executionId, after)
  const isOnce = () => {
    const done = durable.effects().filter((line) => line.executionId === executionId && line.phase === 'effect')
    t.equal(done.length, STEPS, 'every effect once')
  }
  return { ...durable, others, chat, executionId, adopter, resume, isOnce }
}

const lastOf = (events: ChatEvent[]) => events.at(-1)?.seq ?? 0

function isWhole(t: Test, events: ChatEvent[]) {
  t.strictSame(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
    'numbered on without a gap'
  )
  t.equal(events.filter(isType('tool.finished')).length, STEPS, 'every step is told once')
  const completed = events.flatMap((event) => (event.type === 'message.completed' ? [event.content] : []))
  t.equal(completed.length, 1)
  t.match(completed[0], new RegExp(`done ${STEPS}`))
  t.equal(textOf(events), completed[0], 'the pieces make up the whole')
  t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
}

t.test('an adopter that dies while it tells is followed by the next one', { skip }, async (t) => {
  const { api, others, chat, adopter, resume, isOnce } = await begin(t)
  api.kill('SIGKILL')
  await t.rejects(chat.ended)
  const first = await adopter()
  const second = await resume(first, lastOf(chat.events))
  await second.until(isType('tool.finished'))
  first.kill('SIGKILL')
  await t.rejects(second.ended)
  const told = [...chat.events, ...second.events]
  const survivor = others.find((other) => other !== first)!
  await adopter([survivor])
  const third = await resume(survivor, lastOf(told))
  isWhole(t, [...told, ...(await third.ended)])
  isOnce()
})

t.test('a paused api comes back while its chat is told on', { skip }, async (t) => {
  const pair = await begin(t)
  const { api, others, chat, adopter, resume, isOnce } = pair
  api.kill('SIGSTOP')
  const seen = [...chat.events]
  const first = await adopter()
  const told = await Promise.all([first, ...others].map((other) => resume(other, lastOf(seen))))
  await Promise.all(told.map((stream) => stream.until(isType('tool.finished'))))
  api.kill('SIGCONT')
  isWhole(t, await chat.ended)
  for (const stream of told) isWhole(t, [...seen, ...(await stream.ended)])
  isOnce()
})
