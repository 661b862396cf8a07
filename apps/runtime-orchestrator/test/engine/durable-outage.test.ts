import { cancelDurableRun, createDatabase, findDurableRun, listDurableRuns } from '@semibot/db'
import { type FaultProxy, faultProxy } from '@semibot/stack'
import { createTestDatabase, startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { createJournal } from '../../src/plugins/journal.ts'
import { makeRequest } from '../helpers/execute.ts'
import { createNode, eventsOf, Gate, type World } from './fixtures/world.ts'

const STEPS = 3
const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const url = await createTestDatabase(t)
const { db, close } = createDatabase({ url, max: 2, applicationName: 'test', connectionTimeoutMs: 20_000 })
t.teardown(close)

/** A process whose way to the database can be cut. */
async function startNode(name: string) {
  const way: FaultProxy = await faultProxy({ target: url.replace(/^postgres/, 'http') })
  t.teardown(() => way.stop())
  const through = new URL(url)
  through.port = String(way.port)
  const handle = createJournal(through.href)
  t.teardown(handle.close)
  const world: World = { journal: handle.journal, baseUrl: simulator.baseUrl, deeds: [] }
  const node = createNode(world, name)
  t.teardown(() => node.engine.close())
  return { way, world, node }
}

function request(effect: string) {
  const message = `Do it. [[sim:steps=${STEPS}]][[sim:call=effect_${effect} {"text":"$round"}]]`
  return makeRequest(message, { agent: { tools: ['effect_none', 'effect_idempotent', 'effect_unsafe'] } })
}

for (const fault of ['refuse', 'hang'] as const) {
  t.test(`a run waits for a database that goes away in the middle (${fault}), and does nothing twice`, async (t) => {
    const { way, world, node } = await startNode(`outage-${fault}`)
    // Away from the first effect on, before its result can be written.
    world.onDeed = ({ what }) => {
      if (what === 'effect' && world.deeds.length === 2) void way.set({ kind: fault })
    }
    const execution = node.start(request('unsafe'))
    await waitFor(() => way.fault.kind === fault, { what: 'the outage' })
    let ended = false
    void execution.ended.then(() => {
      ended = true
    })
    await waitFor(() => !node.lease.isValid, { what: 'the lease to lapse' })
    t.equal(ended, false, 'it waits')
    await way.set({ kind: 'none' })
    t.equal((await execution.ended).status, 'completed')
    t.equal(world.deeds.length, 2 * STEPS, 'every tool was begun and had its effect once')
    t.match(await listDurableRuns(db, { limit: 1 }), [{ status: 'completed', owners: 1, unknownSteps: 0 }])
  })
}

t.test(
  'without a database tools that change nothing run all the same, and the run enters the journal later',
  async (t) => {
    const { way, world, node } = await startNode('away')
    await way.set({ kind: 'refuse' })
    const asked = request('none')
    const execution = node.start(asked)
    t.equal((await execution.ended).status, 'completed')
    t.equal(world.deeds.length, STEPS)
    t.equal(
      (await listDurableRuns(db, { limit: 10 })).some((run) => run.executionId === asked.executionId),
      false
    )
  }
)

t.test('a run that has ended is told again, not run again', async (t) => {
  const { world, node } = await startNode('first')
  const next = createNode(world, 'second')
  t.teardown(() => next.engine.close())
  const asked = request('none')
  await node.start(asked).ended
  const execution = next.resume(asked)
  t.match(await execution.ended, { status: 'completed' })
  t.equal(world.deeds.length, STEPS)
  const [first, ...rest] = eventsOf(execution)
  t.match(first, { type: 'execution.started', resumed: { text: execution.content } })
  t.match(rest.at(-1), { type: 'execution.completed' })
})

t.test('a run that failed or was cancelled ends for whoever asks again as it ended', async (t) => {
  const { node, world } = await startNode('asked-again')
  const owner = 'gone'
  const error = { code: 'LLM_RATE_LIMITED', message: 'slow down', origin: 'llm' }
  for (const expected of [error, { code: 'RUNTIME_INTERNAL', origin: 'client' }]) {
    const asked = request('unsafe')
    const ids = { ...asked, owner, agent: asked.agent.slug, request: asked, remainingMs: 60_000, steps: [] }
    await world.journal.begin(ids)
    if (expected === error) await world.journal.end({ ...ids, epoch: 1 }, 'failed', { content: '', error })
    else await cancelDurableRun(db, asked.orgId, asked.executionId)
    t.match(await node.resume(asked).ended, { status: 'failed', error: expected })
  }
  t.strictSame(world.deeds, [])
})

t.test('a tool with a name that Postgres would refuse is unknown like any other, and no fault of ours', async (t) => {
  const { world, node } = await startNode('odd-name')
  const message = 'Do it. [[sim:steps=1]][[sim:call=eff\u0000ect\ud800 {"text":"x"}]]'
  const asked = makeRequest(message, { agent: { tools: ['effect_none'] } })
  const execution = node.start(asked)
  t.match(await execution.ended, { status: 'completed' })
  t.match(
    eventsOf(execution).filter(({ type }) => type === 'tool.finished'),
    [{ error: { code: 'TOOL_UNKNOWN' } }]
  )
  t.match(await findDurableRun(db, asked.executionId), { status: 'completed', steps: 3 })
  t.strictSame(world.deeds, [])
})

t.test('a run that was cancelled elsewhere is refused to its owner, and not begun anew', async (t) => {
  const { world, node } = await startNode('cancelled')
  const held = createNode(world, 'cancelled-held', new Gate(6))
  t.teardown(() => held.engine.close())
  const asked = request('unsafe')
  const execution = held.start(asked)
  await held.gate.frozen
  t.ok(await cancelDurableRun(db, asked.orgId, asked.executionId))
  held.gate.thaw()
  t.match(await execution.ended, { status: 'interrupted' })
  t.match(await node.resume(asked).ended, { status: 'failed', error: { origin: 'client' } })
  t.equal(world.deeds.length, 2, 'one tool was begun, by the first')
})
