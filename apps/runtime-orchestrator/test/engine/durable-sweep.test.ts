import { createDatabase } from '@semibot/db'
import { createTestDatabase, startSimulator } from '@semibot/stack/test'
import t from 'tap'
import type { Execution } from '../../src/engine/execution-engine.ts'
import { createJournal } from '../../src/plugins/journal.ts'
import { makeRequest } from '../helpers/execute.ts'
import { createNode, type Deed, eventsOf, Gate, type World } from './fixtures/world.ts'

const STEPS = 3
const EFFECTS = ['none', 'idempotent', 'unsafe'] as const

const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const url = await createTestDatabase(t)
const { journal, close } = createJournal(url)
t.teardown(close)
const observer = createDatabase({ url, max: 4, applicationName: 'test', connectionTimeoutMs: 20_000 })
t.teardown(observer.close)

function request(effect: string) {
  const message = `Do it. [[sim:steps=${STEPS}]][[sim:call=effect_${effect} {"text":"$round"}]]`
  const tools = EFFECTS.map((name) => `effect_${name}`)
  return makeRequest(message, { agent: { tools } })
}

function newWorld(): World {
  return { journal, baseUrl: simulator.baseUrl, deeds: [] }
}

async function endOf(execution: Execution) {
  const report = await execution.ended
  return { report, content: execution.content, events: eventsOf(execution) }
}

function counted(deeds: readonly Deed[], what: Deed['what']): Map<string, number> {
  const counts = new Map<string, number>()
  for (const deed of deeds) if (deed.what === what) counts.set(deed.key, (counts.get(deed.key) ?? 0) + 1)
  return counts
}

for (const effect of EFFECTS) {
  t.test(
    `a process that dies at any point of a run of ${effect} tools is replaced, and nothing is done twice`,
    async (t) => {
      const undisturbed = createNode(newWorld(), `${effect}-calm`)
      const calm = await endOf(undisturbed.start(request(effect)))
      t.equal(calm.report.status, 'completed')
      const { points } = undisturbed.gate
      t.ok(points >= 2 * (1 + STEPS * 2 + 1), `every point of the journal is one: ${points}`)
      await undisturbed.engine.close()

      const successor = { world: newWorld(), name: `${effect}-next` }
      const next = createNode(successor.world, successor.name)
      const runs = await Promise.all(
        Array.from({ length: points }, async (_, index) => {
          const asked = request(effect)
          const node = createNode(successor.world, `${effect}-${index + 1}`, new Gate(index + 1))
          const first = node.start(asked)
          await Promise.race([node.gate.frozen, first.ended])
          const stepsBefore = await recordedSteps(asked)
          const second = await endOf(next.resume(asked))
          const at = `${index + 1}, ${node.gate.names.at(-1)}`
          return { at, asked, node, first, stepsBefore, second }
        })
      )
      for (const { at, asked, stepsBefore, second } of runs) {
        const deeds = successor.world.deeds.filter(({ key }) => key.startsWith(asked.executionId))
        const begun = counted(deeds, 'begun')
        const effects = counted(deeds, 'effect')
        t.equal(second.report.status, 'completed', `${at}: the run finishes`)
        for (const name of stepsBefore) {
          const key = `${asked.executionId}:${name.split(':')[1]}`
          t.equal(begun.get(key), 1, `${at}: the finished ${name} is not repeated`)
        }
        t.ok(
          [...effects.values()].every((count) => count === 1),
          `${at}: no effect twice`
        )
        if (effect === 'unsafe') {
          t.ok(
            [...begun.values()].every((count) => count === 1),
            `${at}: no unsafe tool is begun twice`
          )
          const unknown = second.events.filter((event) => event.type === 'tool.finished' && event.status === 'unknown')
          t.ok(unknown.length <= 1, `${at}: only the call under way may be unknown`)
          if (unknown.length > 0) t.match(second.content, /It is unknown whether/, `${at}: and the answer says so`)
          else t.equal(effects.size, STEPS, `${at}: else all took effect`)
        } else {
          t.equal(second.content, calm.content, `${at}: the same answer`)
          if (effect === 'idempotent') t.equal(effects.size, STEPS, `${at}: every effect`)
        }
      }

      // The dead come back: every one of them must find that its run is no longer its own.
      const before = { deeds: successor.world.deeds.length, calls: (await simulator.stats()).started }
      for (const { node } of runs) node.gate.thaw()
      for (const { at, first, node } of runs) {
        const { report } = await endOf(first)
        // Who had written its end before it was frozen may tell it.
        if (!at.endsWith('after end')) t.equal(report.status, 'interrupted', `${at}: the zombie stops`)
        await node.engine.close()
      }
      const late = successor.world.deeds.slice(before.deeds)
      t.strictSame(
        late.filter(({ what }) => what === 'begun'),
        [],
        'no zombie begins a tool'
      )
      t.equal((await simulator.stats()).started, before.calls, 'or asks the model')
      const all = counted(successor.world.deeds, 'effect')
      t.ok(
        [...all.values()].every((count) => count === 1),
        'and what was under way took effect once'
      )
      await next.engine.close()
    }
  )
}

async function recordedSteps({ orgId, executionId }: { orgId: string; executionId: string }): Promise<string[]> {
  const rows = await observer.db
    .selectFrom('execution_steps')
    .select('name')
    .where('org_id', '=', orgId)
    .where('execution_id', '=', executionId)
    .where('recorded_at', 'is not', null)
    .where('name', 'like', 'tool:%')
    .execute()
  return rows.map(({ name }) => name)
}
