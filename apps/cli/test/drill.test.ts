import { existsSync } from 'node:fs'
import * as tools from '@semibot/stack'
import { freePort, waitFor } from '@semibot/stack'
import { createTestDatabase, missingPrometheus } from '@semibot/stack/test'
import t from 'tap'
import { emptyCounts, startLoad } from '../src/drill/load.ts'
import { describeChats, runDrill } from '../src/drill/run-drill.ts'
import { openRuntimeDoor } from '../src/drill/runtime-door.ts'
import type { Scenario } from '../src/drill/scenario.ts'
import { runtimeDown } from '../src/drill/scenarios/runtime-down.ts'
import { SCENARIOS } from '../src/drill/scenarios.ts'
import { logged, statusShows } from '../src/drill/sightings.ts'
import { semibotHere } from './fixtures/semibot.ts'
import { serve } from './fixtures/serve.ts'

/** The scenario as it is, with one sighting that never comes and one unwanted thing that does. */
const withFlaws: Scenario = {
  ...runtimeDown,
  phases: (pace) =>
    runtimeDown.phases(pace).map((phase, index) =>
      index === 0
        ? {
            ...phase,
            sightings: [...phase.sightings, statusShows('nothing of the kind', 1, () => false)],
            unwanted: [logged(/触发自动回退/, 0)]
          }
        : phase
    )
}

t.test(
  'a runtime that is killed: alerts, log, endpoint, chats and the recovery are seen, and what is missing is said',
  async (t) => {
    const said: string[] = []
    const report = await runDrill(tools, withFlaws, {
      fast: true,
      keep: false,
      env: { DATABASE_URL: await createTestDatabase(t) },
      say: (line) => said.push(line),
      signal: new AbortController().signal
    })
    t.strictSame(report.findings, [
      'the runtime is gone: not seen within 0.0 s: endpoint: fallback/status: nothing of the kind.',
      'the runtime is gone: must not be: log: 触发自动回退.'
    ])
    t.equal(report.passed, false)
    const [outage, recovery] = report.phases
    const names = (phase: typeof outage) =>
      phase?.seen.filter(({ afterMs }) => afterMs !== null).map(({ what }) => what)
    const alerts = missingPrometheus() === false
    t.strictSame(report.notWatched.length, alerts ? 0 : 1)
    t.strictSame(names(outage), [
      'are answered by direct_llm',
      '[RuntimeAdapter] 健康检查失败 错误:',
      '[RuntimeAdapter] 触发自动回退 原因:',
      'fallback/status: fallbackEnabled is true, with a reason',
      ...(alerts ? ['RuntimeServiceDown fires', 'AutoFallbackTriggered fires'] : [])
    ])
    t.strictSame(names(recovery), [
      '[RuntimeAdapter] 禁用自动回退 原因: 指标恢复正常',
      'fallback/status: fallbackEnabled is false',
      'are answered by runtime_orchestrator',
      ...(alerts ? ['RuntimeServiceDown resolves', 'AutoFallbackTriggered resolves'] : [])
    ])
    t.match(describeChats(report), /^\d+ chats: \d+ answered \(\d+ by \w+, \d+ by \w+\), 0 failed$/)
    t.match(said.join('\n'), /MISSING {2}endpoint/)
    const folder = /logs: (?<folder>\S+)\/logs/.exec(said.join('\n'))?.groups?.folder ?? ''
    t.match(folder, /semibot-drill-/)
    t.notOk(existsSync(folder), 'nothing is left behind')
  }
)

t.test('every scenario says what it does, and has an act, what follows, and a recovery', async (t) => {
  t.equal(new Set(SCENARIOS.map(({ name }) => name)).size, 6)
  for (const { name, phases } of SCENARIOS) {
    for (const fast of [true, false]) {
      const acts = phases({ fast, ruled: (milliseconds) => milliseconds })
      t.ok(acts.length >= 2 && acts.every(({ sightings }) => sightings.length >= 2), name)
    }
  }
})

t.test('the command lists the scenarios, and knows no others', async (t) => {
  const { code, stdout } = await semibotHere(['drill', '--help'])
  t.equal(code, 0)
  for (const { name, about } of SCENARIOS) t.match(stdout, `${name} `, about)
  t.match(stdout, /--fast/)
  const wrong = await semibotHere(['drill', 'earthquake'])
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /earthquake.*Allowed choices are runtime-down, .*all/)
})

t.test('the door lets everything pass, fails a share of the executions, and can be closed', async (t) => {
  const target = new URL(await serve(t, (request, response) => response.end(`seen ${request.method} ${request.url}`)))
  const door = await openRuntimeDoor({ port: await freePort(), targetPort: Number(target.port) })
  t.teardown(() => door.close())
  const get = async (path: string) => await fetch(`${door.url}${path}`, { method: 'POST' })
  t.equal(await (await get('/health')).text(), 'seen POST /health')
  door.fail(0.3)
  const statuses: number[] = []
  for (let index = 0; index < 10; index++) statuses.push((await get('/api/v1/execute/stream')).status)
  t.equal(statuses.filter((status) => status === 500).length, 3)
  t.equal(door.failed, 3)
  t.equal((await get('/health')).status, 200, 'only executions fail')
  await door.close()
  await t.rejects(get('/health'))
  await door.open()
  t.equal((await get('/api/v1/execute/stream')).status, 200)
})

t.test('the load counts answers by mode and failures by what was said', async (t) => {
  let calls = 0
  const apiUrl = await serve(t, (_request, response) => {
    calls++
    if (calls === 1) return void response.destroy()
    if (calls === 2) return void response.writeHead(503).end('{"error":{"code":"OVERLOADED"}}')
    response.end('{"data":{"mode":"direct_llm"}}')
  })
  const counts = emptyCounts()
  const load = startLoad({ apiUrl, apiKey: 'k', chatsPerSecond: 50, message: 'Hi', counts })
  await waitFor(() => counts.answered.direct_llm !== undefined, { what: 'an answer' })
  await load.stop()
  t.match(counts, { failed: { 'no answer': 1, '503 OVERLOADED': 1 } })
  t.equal(counts.sent, (counts.answered.direct_llm ?? 0) + 2, 'each chat is counted once')
})
