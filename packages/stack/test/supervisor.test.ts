import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startProcess } from '../src/process.ts'
import { processStart } from '../src/process-identity.ts'
import { endLeftoverProcesses, readProcesses, writeProcesses } from '../src/stack/processes-file.ts'
import { createSupervisor, type Slot } from '../src/stack/supervisor.ts'
import { waitFor } from '../src/wait-for.ts'

const RUNS = 'setInterval(() => {}, 1000)'

function slot(name: string, rank: number, code = `console.log('up'); ${RUNS}`): Slot {
  return {
    name,
    port: 1000 + rank,
    rank,
    launch: (signal, spawned) =>
      startProcess({ name, command: process.execPath, args: ['-e', code], ready: { line: /^up$/ }, spawned, signal })
  }
}

function setUp(t: Test, restart: boolean) {
  const home = t.testdir()
  const reports: string[] = []
  const supervisor = createSupervisor({ home, restart, report: (text) => void reports.push(text) })
  t.teardown(() => supervisor.stop())
  return { home, reports, supervisor }
}

t.test('processes.json names what runs, and follows every change', async (t) => {
  const { home, supervisor, reports } = setUp(t, false)
  const database = await supervisor.start(slot('postgres', 0))
  const api = await supervisor.start(slot('api', 3))
  t.same(
    readProcesses(home).map(({ name, pid, port }) => ({ name, pid, port })),
    [
      { name: 'postgres', pid: database.pid, port: 1000 },
      { name: 'api', pid: api.pid, port: 1003 }
    ]
  )
  supervisor.kill('api', 'SIGKILL')
  await api.exited
  await waitFor(() => readProcesses(home).length === 1, { what: 'processes.json to lose the api' })
  t.same(reports, [], 'what was killed on purpose is not reported')
  const again = await supervisor.restart('api')
  t.not(again.pid, api.pid)
  t.same(
    supervisor.entries.map((entry) => entry.pid),
    [database.pid, again.pid]
  )
  t.throws(() => supervisor.kill('apy', 'SIGKILL'), { message: 'there is no process "apy": there are postgres, api' })
  await t.rejects(supervisor.start(slot('api', 3)), { message: 'there is a process "api" already' })
  await supervisor.stop()
  t.notOk(existsSync(join(home, 'processes.json')))
})

t.test('a process is in processes.json before it is ready, and no longer when it did not get there', async (t) => {
  const { home, supervisor } = setUp(t, false)
  const starting = supervisor.start(slot('api', 3, 'process.stdin.resume(); setTimeout(() => process.exit(1), 300)'))
  const [entry] = await waitFor(() => readProcesses(home).length === 1 && readProcesses(home), { what: 'the entry' })
  t.match(entry, { name: 'api', start: processStart(entry?.pid ?? 0) })
  await t.rejects(starting, { message: /did not start: ended with exit code 1/ })
  t.same(readProcesses(home), [])
})

t.test('a process that dies is reported and started again, the others go on', async (t) => {
  const { supervisor, reports } = setUp(t, true)
  const other = await supervisor.start(slot('postgres', 0))
  const first = await supervisor.start(slot('runtime', 2))
  process.kill(first.pid, 'SIGKILL')
  const entry = await waitFor(
    () => supervisor.entries.find(({ name, pid }) => name === 'runtime' && pid !== first.pid),
    { what: 'the runtime to run again' }
  )
  t.equal(reports[0], `runtime (pid ${first.pid}) was killed by SIGKILL; the others go on, and it starts again in 1 s`)
  await waitFor(() => reports[1] === `runtime runs again (pid ${entry.pid})`, { what: 'the report' })
  t.equal(other.exit, undefined)
})

t.test('one that cannot start again is tried after growing pauses, and stopping ends the tries', async (t) => {
  const { home, supervisor, reports } = setUp(t, true)
  const flag = join(home, 'broken')
  const code = `if (require('node:fs').existsSync('${flag}')) { console.error('no'); process.exit(4) } console.log('up'); ${RUNS}`
  const first = await supervisor.start(slot('runtime', 2, code))
  writeFileSync(flag, '')
  process.kill(first.pid, 'SIGKILL')
  await waitFor(() => reports.length === 2, { what: 'the first failed try' })
  t.match(reports[1], /^runtime did not start: ended with exit code 4\n {2}no\nruntime: next try in 2 s$/)
  await supervisor.stop()
  t.same(supervisor.entries, [])
  t.equal(reports.length, 2)
})

t.test('the highest rank stops first, and each has ended before the next is asked', async (t) => {
  const { home, supervisor } = setUp(t, true)
  const file = join(home, 'order')
  const code = (name: string) =>
    `process.on('SIGTERM', () => setTimeout(() => { require('node:fs').appendFileSync('${file}', '${name} '); process.exit(0) }, 50)); console.log('up'); ${RUNS}`
  for (const [name, rank] of [
    ['postgres', 0],
    ['runtime', 2],
    ['api', 3]
  ] as const)
    await supervisor.start(slot(name, rank, code(name)))
  await Promise.all([supervisor.stop(), supervisor.stop()])
  t.equal(readFileSync(file, 'utf8'), 'api runtime postgres ')
})

t.test('stopping does not wait for a start that is under way, and hurrying spares rank 0 only', async (t) => {
  const { supervisor } = setUp(t, true)
  const stubborn = `process.on('SIGTERM', () => {}); console.log('up'); ${RUNS}`
  const api = await supervisor.start(slot('api', 3, stubborn))
  const database = await supervisor.start(slot('postgres', 0))
  const starting = supervisor.start(slot('runtime', 2, RUNS))
  const stopped = supervisor.stop()
  await t.rejects(starting, { message: 'the stack is stopping' })
  supervisor.hurry()
  await stopped
  t.same(api.exit, { code: null, signal: 'SIGKILL' })
  t.same(database.exit, { code: null, signal: 'SIGTERM' })
  await t.rejects(supervisor.start(slot('late', 1)), { message: 'the stack is stopping' })
})

t.test('processes of a killed supervisor are ended, a pid of somebody else is not', async (t) => {
  const home = t.testdir()
  t.same(await endLeftoverProcesses(home), [], 'without a list there is nothing to do')
  const left = spawn(process.execPath, ['-e', RUNS], { stdio: 'ignore' })
  await once(left, 'spawn')
  const pid = left.pid as number
  writeProcesses(home, [
    { name: 'api', pid, port: 1, start: processStart(pid) },
    { name: 'runtime', pid: process.pid, port: 2, start: 'of another process' }
  ])
  t.same(await endLeftoverProcesses(home), [`ended api (pid ${pid}), which an earlier run left behind`])
  t.equal(processStart(pid), '')
  t.notOk(existsSync(join(home, 'processes.json')))
  writeFileSync(join(home, 'processes.json'), '{"half":')
  t.same(readProcesses(home), [])
})
