import { createDatabase, DatabaseUnavailableError, findDurableRun } from '@semibot/db'
import { createTestDatabase, startSimulator, waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { JOURNAL_GIVE_UP_MS } from '../../src/constants/config.ts'
import type { Journal } from '../../src/engine/journal.ts'
import { createJournal } from '../../src/plugins/journal.ts'
import { makeRequest } from '../helpers/execute.ts'
import { createNode, eventsOf, type World } from './fixtures/world.ts'

const STEPS = 2
const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const url = await createTestDatabase(t)
const { journal, close } = createJournal(url)
t.teardown(close)
const observer = createDatabase({ url, max: 2, applicationName: 'test', connectionTimeoutMs: 20_000 })
t.teardown(observer.close)

type Asked = 'begin' | 'claim'

function request(effect: string) {
  const message = `Do it. [[sim:steps=${STEPS}]][[sim:call=effect_${effect} {"text":"$round"}]]`
  return makeRequest(message, { agent: { tools: ['effect_none', 'effect_idempotent', 'effect_unsafe'] } })
}

let nodes = 0

function startNode(t: Test, changes: Partial<Journal> = {}) {
  const world: World = { journal: { ...journal, ...changes }, baseUrl: simulator.baseUrl, deeds: [] }
  const name = `node-${++nodes}`
  const node = createNode(world, name)
  t.teardown(() => node.engine.close())
  return { ...node, name, deeds: world.deeds }
}

/** A call of the journal that is done, and whose answer comes when it is let go; `fails`: it is an error by then. */
function held(what: Asked, fails?: Error) {
  const done = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const call = async (run: never, onTaking?: (epoch: number) => void) => {
    const result = await (what === 'begin' ? journal.begin(run) : journal.claim(run, onTaking))
    // A process that has only begun may claim nothing yet.
    if (typeof result === 'object' && result.kind === 'held') return result
    done.resolve()
    await answer.promise
    if (fails !== undefined) throw fails
    return result
  }
  return { changes: { [what]: call } as Partial<Journal>, done: done.promise, answer: answer.resolve }
}

/** A run that is being entered into the journal, or taken over, by a process that has no answer yet. */
async function asking(t: Test, what: Asked, fails?: Error) {
  const call = held(what, fails)
  const asked = request('idempotent')
  if (what === 'claim') await abandonedRun(t, asked)
  const node = startNode(t, call.changes)
  const execution = what === 'claim' ? node.resume(asked) : node.start(asked)
  const leave = execution.attend()
  await call.done
  t.match(await find(asked), { status: 'running', owner: node.name, owners: what === 'claim' ? 2 : 1 })
  return { ...node, ...call, asked, execution, leave }
}

/** In the journal, after its first tool, and given up. */
async function abandonedRun(t: Test, asked: ReturnType<typeof request>) {
  const owner = startNode(t)
  const execution = owner.start(asked)
  await waitFor(() => owner.deeds.length > 1, { what: 'a tool' })
  owner.engine.interrupt(asked.executionId, 'shutdown')
  t.match(await execution.ended, { status: 'interrupted' })
}

function find({ executionId }: { executionId: string }) {
  return findDurableRun(observer.db, executionId)
}

for (const what of ['begin', 'claim'] as const) {
  for (const how of ['everybody leaves', 'its process ends'] as const) {
    t.test(`${how} while a ${what} is under way: another process goes on with the run`, async (t) => {
      const { engine, asked, execution, leave, answer, deeds } = await asking(t, what)
      if (how === 'everybody leaves') leave()
      else engine.interrupt(asked.executionId, 'shutdown')
      answer()
      t.match(await execution.ended, { status: how === 'everybody leaves' ? 'cancelled' : 'interrupted' })
      if (what === 'claim') t.equal(eventsOf(execution).length, 1, 'nothing is told but its end')
      t.match(await find(asked), { status: 'running', owner: null }, 'it is free when its end is told')
      t.match(await startNode(t).resume(asked).ended, { status: 'completed' })
      t.strictSame(deeds, [])
    })
  }

  t.test(`a run that is cancelled while a ${what} is under way has ended for everybody`, async (t) => {
    const { engine, asked, execution, answer } = await asking(t, what)
    const cancelled = engine.cancel(asked.executionId, 'user')
    answer()
    t.ok(await cancelled)
    t.match(await execution.ended, { status: 'cancelled' })
    t.match(await find(asked), { status: 'cancelled' })
  })

  t.test(`a stop does not wait for long for the answer to a ${what}, which is given back when it comes`, async (t) => {
    const { asked, execution, leave, answer } = await asking(t, what)
    const stoppedAt = performance.now()
    leave()
    t.match(await execution.ended, { status: 'cancelled' })
    t.ok(performance.now() - stoppedAt < 2 * JOURNAL_GIVE_UP_MS)
    answer()
    await waitFor(async () => (await find(asked))?.owner === null, { what: 'the run to be given up' })
  })

  t.test(`a ${what} that fails after the stop is nobody's concern`, async (t) => {
    const { execution, leave, answer } = await asking(t, what, new Error('broken'))
    leave()
    answer()
    t.match(await execution.ended, { status: 'cancelled' })
  })
}

t.test('a run that is stopped before it could ask for its place in the journal does not ask', async (t) => {
  const renewal = Promise.withResolvers<void>()
  let begins = 0
  const node = startNode(t, {
    renewLease: () => renewal.promise,
    begin: (run) => {
      begins++
      return journal.begin(run)
    }
  })
  const execution = node.start(request('unsafe'))
  const leave = execution.attend()
  await waitFor(() => eventsOf(execution).some(({ type }) => type === 'tool.started'), { what: 'the tool' })
  leave()
  t.match(await execution.ended, { status: 'cancelled' })
  renewal.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(node.lease.isValid)
  t.equal(begins, 0)
})

const lost = new DatabaseUnavailableError('the connection broke', { commitUnknown: true })

t.test('a run whose begin was written and never answered is ended with its answer', async (t) => {
  const begin: Journal['begin'] = async (run) => {
    await journal.begin(run)
    throw lost
  }
  const node = startNode(t, { begin })
  const asked = request('none')
  const execution = node.start(asked)
  t.match(await execution.ended, { status: 'completed' })
  t.match(await find(asked), { status: 'completed' })
  const again = startNode(t)
  t.match(await again.resume(asked).ended, { status: 'completed' })
  t.strictSame(again.deeds, [], 'it is told, not run again')
})

t.test('a begin that is not answered after one that was written takes nothing back', async (t) => {
  let begins = 0
  const begin: Journal['begin'] = async (run) => {
    if (begins++ > 0) throw new DatabaseUnavailableError('no connection')
    await journal.begin(run)
    throw lost
  }
  const asked = request('none')
  t.match(await startNode(t, { begin }).start(asked).ended, { status: 'completed' })
  t.equal(begins, STEPS)
  t.match(await find(asked), { status: 'completed' })
})

t.test('a begin that came to nothing leaves nothing, and what is of others as it is', async (t) => {
  const begin = () => Promise.reject(lost)
  const asked = request('none')
  t.match(await startNode(t, { begin }).start(asked).ended, { status: 'completed' })
  t.equal(await find(asked), undefined)

  const taken = request('none')
  const ids = { ...taken, agent: taken.agent.slug, request: taken, remainingMs: 60_000, steps: [] }
  await journal.begin({ ...ids, owner: 'other' })
  t.match(await startNode(t, { begin }).start(taken).ended, { status: 'completed' })
  t.match(await find(taken), { status: 'running', owner: 'other' })
})

t.test('without a connection no end is tried to be written', async (t) => {
  let ends = 0
  const node = startNode(t, {
    begin: () => Promise.reject(new DatabaseUnavailableError('no connection')),
    end: async () => {
      ends++
      return false
    }
  })
  t.match(await node.start(request('none')).ended, { status: 'completed' })
  t.equal(ends, 0)
})

for (const [how, later] of [
  ['the database is gone', () => Promise.reject(new DatabaseUnavailableError('no connection'))],
  ['nothing is granted', async () => ({ kind: 'held' as const })]
] as const) {
  t.test(`a run whose claim was granted and never answered is free again when it is given up: ${how}`, async (t) => {
    const asked = request('idempotent')
    await abandonedRun(t, asked)
    let isTaken = false
    let isAway = true
    const node = startNode(t, {
      claim: async (run, onTaking) => {
        if (isTaken) return await later()
        isTaken = (await journal.claim(run, onTaking)).kind === 'taken'
        if (!isTaken) return { kind: 'held' }
        throw lost
      },
      release: (run) => (isAway ? Promise.reject(new DatabaseUnavailableError('no connection')) : journal.release(run))
    })
    const execution = node.resume(asked)
    t.match(await execution.ended, { status: 'failed', error: { code: 'RUNTIME_UNAVAILABLE' } })
    t.match(await find(asked), { status: 'running', owner: node.name, owners: 2 })
    isAway = false
    await waitFor(async () => (await find(asked))?.owner === null, { what: 'the run to be given up' })
    t.match(await startNode(t).resume(asked).ended, { status: 'completed' })
    t.strictSame(node.deeds, [])
  })
}

t.test('a run that is left while the answer to its claim is lost is free again', async (t) => {
  const { asked, leave, answer, execution } = await asking(t, 'claim', lost)
  leave()
  answer()
  t.match(await execution.ended, { status: 'cancelled' })
  t.match(await find(asked), { status: 'running', owner: null })
})
