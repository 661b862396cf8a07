import { createDatabase, finishToolCall, insertToolCall, listToolCalls } from '@semibot/db'
import { createTestDatabase, startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { createJournal } from '../../src/plugins/journal.ts'
import { makeRequest } from '../helpers/execute.ts'
import { createNode, Gate, type World } from './fixtures/world.ts'

const STEPS = 2
const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const url = await createTestDatabase(t)
const { journal, close } = createJournal(url)
t.teardown(close)
const { db, close: closeRecords } = createDatabase({
  url,
  max: 4,
  applicationName: 'test',
  connectionTimeoutMs: 20_000
})
t.teardown(closeRecords)

for (const [effect, status] of [
  ['idempotent', 'ok'],
  ['unsafe', 'unknown']
] as const) {
  t.test(`an ${effect} call that is stopped, and is ${status} where the run goes on, is recorded so`, async (t) => {
    const world: World = {
      journal,
      baseUrl: simulator.baseUrl,
      deeds: [],
      database: {
        toolCallStarted: (orgId, call) => insertToolCall(db, orgId, call),
        toolCallFinished: (orgId, call) => finishToolCall(db, orgId, call)
      }
    }
    const message = `Do it. [[sim:steps=${STEPS}]][[sim:call=effect_${effect} {"text":"$round"}]]`
    const asked = makeRequest(message, { agent: { tools: [`effect_${effect}`] } })
    const records = () => listToolCalls(db, asked.orgId, asked.executionId)
    // Frozen in the middle of its first tool.
    const probe = createNode({ ...world, deeds: [] }, `${effect}-probe`)
    await probe.start(makeRequest(message, { agent: { tools: [`effect_${effect}`] } })).ended
    await probe.engine.close()
    const point = probe.gate.names.indexOf('before effect') + 1
    const first = createNode(world, `${effect}-first`, new Gate(point))
    t.teardown(() => {
      first.gate.thaw()
      return first.engine.close()
    })
    const stopped = first.start(asked)
    await first.gate.frozen
    first.engine.interrupt(asked.executionId, 'shutdown')
    // Its journal is frozen, too: the run is free when its lease has lapsed.
    await waitFor(async () => (await records())[0]?.error?.code === 'TOOL_STOPPED', { what: 'the record of the stop' })
    const next = createNode(world, `${effect}-next`)
    t.teardown(() => next.engine.close())
    t.match(await next.resume(asked).ended, { status: 'completed' })
    await waitFor(async () => (await records()).every((call) => call.status === status || call.status === 'denied'), {
      what: 'the records of what it came to',
      timeoutMs: 5000
    })
    first.gate.thaw()
    t.match(await stopped.ended, { status: 'interrupted' })
    t.match((await records())[0], { status, error: status === 'ok' ? null : { code: 'TOOL_OUTCOME_UNKNOWN' } })
  })
}
