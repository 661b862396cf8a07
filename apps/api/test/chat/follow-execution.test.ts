import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import type { ExecutionRecord } from '@semibot/db'
import t from 'tap'
import { type FollowOptions, followExecution } from '../../src/chat/follow-execution.ts'
import { startedEvent } from '../helpers/started-event.ts'

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

const identity = { executionId: 'e', sessionId: 's', messageId: 'm', orgId: 'o', userId: null }

/** An execution of another process, and the store that it writes to. */
async function follow(after = 0, find: FollowOptions['find'] = async () => undefined) {
  const stored: ChatEvent[] = []
  const store = (body: ChatEventBody) => stored.push({ ...body, seq: stored.length + 1, ts: 0 } as ChatEvent)
  let reads = 0
  const read = async (_id: string, after: number) => {
    reads++
    const events = stored.filter(({ seq }) => seq > after)
    return events.length === 0 ? [] : [{ identity, events }]
  }
  store(startedEvent())
  const events = await followExecution({ read, find }, 'e', after)
  if (events === undefined) throw new Error('the store has no events')
  const pass = async (milliseconds: number) => {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      mock.timers.tick(100)
      await turn()
    }
  }
  return { events, store, pass, reads: () => reads }
}

t.test('a reader who comes late is told all the same', async (t) => {
  const { events, store, pass } = await follow()
  await pass(3000)
  const reader = events.read(0, () => {})
  await pass(1000)
  store({ type: 'execution.cancelled', reason: 'user' })
  await pass(200)
  t.equal(reader.next()?.type, 'execution.started')
  t.equal(reader.next()?.type, 'execution.cancelled')
  t.ok(reader.ended)
})

t.test('nobody asks the store for those who have gone', async (t) => {
  const { events, pass, reads } = await follow()
  const reader = events.read(0, () => {})
  await pass(1000)
  t.equal(reads(), 6)
  reader.close()
  await pass(1000)
  t.equal(reads(), 6)
})

t.test('nor for those who do not come in time', async (t) => {
  const { events, pass, reads } = await follow()
  await pass(20_000)
  events.read(0, () => {})
  await pass(1000)
  t.equal(reads(), 1)
})

t.test('a reader of an execution that is gone with its session is cut off', async (t) => {
  const { events, pass, reads } = await follow()
  const reader = events.read(0, () => {})
  t.equal(reader.next()?.type, 'execution.started')
  await pass(4000)
  t.notOk(reader.expired)
  await pass(2000)
  t.equal(reader.next(), undefined)
  t.ok(reader.expired, 'to ask again, and be told that there is none')
  const before = reads()
  await pass(2000)
  t.equal(reads(), before, 'and nobody asks the store any more')
})

t.test('while the database does not say how an execution stands, its readers wait', async (t) => {
  const find = async () => {
    throw new Error('away')
  }
  const { events, pass } = await follow(0, find)
  const reader = events.read(0, () => {})
  await pass(20_000)
  t.notOk(reader.expired)
})

t.test('an end that is only stored is told with the whole answer, which is told once', async (t) => {
  const record = {
    ...{ id: 'e', sessionId: 's', messageId: 'm', status: 'completed', content: 'All', finishReason: 'stop' },
    ...{ mode: 'direct_llm', attempts: 1, lastSeq: null, createdAt: new Date(0), endedAt: null, usage: null }
  } as unknown as ExecutionRecord
  const hear = async (after: number, isWhole: boolean) => {
    const { events, store, pass } = await follow(after, async () => record)
    const reader = events.read(after, () => {})
    store({ type: 'message.started', messageId: 'm' })
    if (isWhole) store({ type: 'message.completed', messageId: 'm', content: 'All', finishReason: 'stop' })
    await pass(6000)
    const types: string[] = []
    for (let event = reader.next(); event !== undefined; event = reader.next()) types.push(event.type)
    return types
  }
  const all = ['execution.started', 'message.started', 'message.completed', 'execution.completed']
  t.strictSame(await hear(0, true), all)
  t.strictSame(await hear(0, false), all)
  t.strictSame(await hear(9, true), all.slice(2), 'and whoever is ahead has perhaps not heard it')
})
