import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startRuntime, startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, post, readStream, typesOf } from '../helpers/execute.ts'
import { AUTHORIZED, TOKEN } from '../helpers/start-app.ts'

const WORKERS = 4
const LIMIT = 8
/** One call each, so that every call may land on another worker. */
const ONCE = { connection: 'close' }
const WAIT = { timeoutMs: 40_000 }

const simulator = await startSimulator(t)
const log = join(t.testdir(), 'runtime.log')
const runtime = await startRuntime(t, {
  LLM_BASE_URL: simulator.baseUrl,
  RUNTIME_SERVICE_TOKEN: TOKEN,
  RUNTIME_WORKERS: String(WORKERS),
  RUNTIME_MAX_CONCURRENT_EXECUTIONS: String(LIMIT),
  DATABASE_URL: 'postgres://semibot@127.0.0.1:1/semibot',
  LOG_FILE: log,
  SHUTDOWN_GRACE_MS: '1500',
  ENV_FILE: '/dev/null'
})
const origin = runtime.baseUrl

/** Pids of the workers, as the system has them: the children of the launcher. */
function workerPids(): number[] {
  return childrenOf(runtime.pid)
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

async function page(): Promise<string> {
  return await (await fetch(`${origin}/metrics`, { headers: ONCE })).text()
}

async function sample(name: string): Promise<number> {
  return Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(await page())?.[1])
}

async function allReady(): Promise<void> {
  await waitFor(async () => (await sample('runtime_workers')) === WORKERS, { ...WAIT, what: 'all workers to run' })
}

/** Starts an execution on a connection of its own; resolves when it runs, with the pid of its worker. */
async function begin(message: string) {
  const request = makeRequest(message)
  const response = await post(origin, request, { headers: ONCE })
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
  const stream = readStream(response)
  const started = await stream.until('execution.started')
  const instance = started.type === 'execution.started' ? (started.instance ?? '') : ''
  return { request, stream, pid: Number(instance.split('-').at(-2)) }
}

function cancel(executionId: string): Promise<Response> {
  return post(origin, '', { path: `/api/v1/executions/${executionId}/cancel`, headers: ONCE })
}

t.test('ps, pgrep and top find every process by the name semibot-runtime, with one worker and with four', async (t) => {
  await allReady()
  const single = await startRuntime(t, { RUNTIME_SERVICE_TOKEN: TOKEN, ENV_FILE: '/dev/null' })
  t.same(childrenOf(single.pid), [], 'one worker is the process itself')
  const pids = [single.pid, runtime.pid, ...workerPids()]
  t.equal(pids.length, 2 + WORKERS)
  const listed = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('semibot-runtime'))
    .map((line) => Number.parseInt(line, 10))
  const found = execFileSync('pgrep', ['-f', 'semibot-runtime'], { encoding: 'utf8' }).split('\n').map(Number)
  for (const pid of pids) {
    t.ok(listed.includes(pid), `ps lists ${pid}`)
    t.ok(found.includes(pid), `pgrep finds ${pid}`)
  }
  const top = execFileSync('top', ['-b', '-n', '1', '-p', pids.join(',')], {
    encoding: 'utf8',
    env: { ...process.env, TERM: 'dumb' }
  })
  for (const pid of pids) t.match(top, new RegExp(`^ *${pid} `, 'm'), `top shows ${pid}`)
  const ready = (await (await fetch(`${origin}/ready`)).json()) as { dependencies: Record<string, unknown> }
  t.same(ready.dependencies.workers, { state: 'up', detail: '4 of 4 workers run' })
  t.same(await (await fetch(`${origin}/health`)).json(), { status: 'healthy' })
  await single.stop()
})

t.test('one limit for all workers, and every execution in reach through any of them', async (t) => {
  const running = []
  for (let count = 0; count < LIMIT; count++) running.push(await begin('Wait [[sim:delay=60000]]'))
  const busy = new Set(running.map(({ pid }) => pid))
  t.ok(busy.size > 1, `calls are spread over workers: ${[...busy].join(', ')}`)
  t.ok([...busy].every((pid) => workerPids().includes(pid)))
  t.equal(await sample('runtime_execution_in_flight'), LIMIT)
  t.equal(await sample('runtime_execution_in_flight_limit'), LIMIT)

  for (let count = 0; count < WORKERS; count++) {
    const refused = await post(origin, makeRequest('One more'), { headers: ONCE })
    t.equal(refused.status, 503, 'each worker refuses what is too much for all')
    t.match(await refused.json(), {
      error: {
        code: 'RUNTIME_OVERLOADED',
        message: 'All 8 places for executions are taken.',
        details: [{ path: 'reason', message: 'full' }]
      }
    })
  }
  t.equal((await post(origin, '', { path: '/internal/probe', headers: ONCE })).status, 503)
  t.equal(await sample('runtime_execution_refused_total{reason="full"}'), WORKERS)

  const { request, stream, pid } = running[0]!
  const path = `/api/v1/executions/${request.executionId}`
  for (let count = 0; count < 2 * WORKERS; count++) {
    const report = await fetch(`${origin}${path}`, { headers: { ...AUTHORIZED, ...ONCE } })
    t.match(await report.json(), { data: { executionId: request.executionId, status: 'running' } })
  }
  t.equal((await fetch(`${origin}${path}`, { headers: ONCE })).status, 401, 'whoever answers, the token is needed')

  const readers = await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const response = await fetch(`${origin}${path}/events`, { headers: { ...AUTHORIZED, ...ONCE } })
      t.equal(response.status, 200)
      return readStream(response)
    })
  )
  const again = await Promise.all(
    Array.from({ length: WORKERS }, async () => readStream(await post(origin, request, { headers: ONCE })))
  )
  for (const reader of [...readers, ...again]) {
    t.match(await reader.next(), { type: 'execution.started', instance: new RegExp(`-${pid}-`) })
  }
  const other = await post(origin, { ...request, message: 'Another' }, { headers: ONCE })
  t.match(await other.json(), { error: { code: 'IDEMPOTENCY_MISMATCH' } }, 'also when another worker has it')

  t.equal((await cancel(request.executionId)).status, 202)
  for (const reader of [stream, ...readers, ...again]) lastOf(await reader.all(), 'execution.cancelled')
  const statuses = await Promise.all(
    running.slice(1).map(async (one) => (await cancel(one.request.executionId)).status)
  )
  t.same(new Set(statuses), new Set([202]))
  await waitFor(async () => (await sample('runtime_execution_in_flight')) === 0, { ...WAIT, what: 'all places free' })
  const ended = await fetch(`${origin}${path}`, { headers: { ...AUTHORIZED, ...ONCE } })
  t.match(await ended.json(), { data: { status: 'cancelled' } }, 'an ended one is in reach as well')
  t.equal((await fetch(`${origin}/api/v1/executions/${crypto.randomUUID()}`, { headers: AUTHORIZED })).status, 404)
  t.match(await (await post(origin, '', { path: '/internal/probe' })).json(), {
    data: { inFlight: 0, inFlightLimit: 8 }
  })
})

t.test('the same call twice at once runs once', async (t) => {
  const before = (await simulator.stats()).started ?? 0
  const request = makeRequest('Hello [[sim:length=20 gap=5]]')
  const streams = await Promise.all(
    Array.from({ length: 6 }, async () => readStream(await post(origin, request, { headers: ONCE })))
  )
  const texts = await Promise.all(
    streams.map(async (stream) => {
      await stream.all()
      return stream.raw.replace(/^:.*\n\n/gm, '')
    })
  )
  t.equal(new Set(texts).size, 1, 'all get the same events')
  t.equal((await simulator.stats()).started, before + 1)
})

t.test('a worker that dies takes only its own streams along, gives its places back, and starts again', async (t) => {
  const completed = await sample('http_request_duration_seconds_count{method="GET",route="/metrics",status_code="200"}')
  const running = []
  for (let count = 0; count < LIMIT - 1; count++) running.push(await begin('Tell me [[sim:length=60 gap=50]]'))
  const victim = running[0]!.pid
  process.kill(victim, 'SIGKILL')
  for (const { stream, pid } of running) {
    if (pid === victim) await t.rejects(stream.all(), `a stream of ${pid} breaks`)
    else lastOf(await stream.all(), 'execution.completed')
  }
  t.ok(
    running.some(({ pid }) => pid !== victim),
    'there were others'
  )
  await waitFor(async () => (await sample('runtime_execution_in_flight')) === 0, {
    ...WAIT,
    what: 'its places to be free'
  })
  await allReady()
  t.equal(workerPids().length, WORKERS)
  t.notOk(workerPids().includes(victim))
  t.equal(await sample('runtime_worker_restarts_total'), 1)
  const after = await sample('http_request_duration_seconds_count{method="GET",route="/metrics",status_code="200"}')
  t.ok(after > completed, `counters do not go back: ${completed}, then ${after}`)
  t.match(runtime.lines.join('\n'), new RegExp(`"workerPid":${victim},"how":"SIGKILL","startsAgainInMs":1000`))
})

t.test('a call that was given to a worker which then dies is cut off, not left to wait', async (t) => {
  const restarts = await sample('runtime_worker_restarts_total')
  const victim = workerPids()[0]!
  process.kill(victim, 'SIGSTOP')
  const calls = Array.from({ length: 2 * WORKERS }, () =>
    fetch(`${origin}/health`, { headers: ONCE, signal: AbortSignal.timeout(20_000) }).then(
      ({ status }) => status,
      (error: Error) => error.name
    )
  )
  // All but the one that the hung worker was given.
  let answered = 0
  for (const call of calls) void call.then(() => answered++)
  await waitFor(() => answered === calls.length - 1, { ...WAIT, what: 'the other workers to answer' })
  process.kill(victim, 'SIGKILL')
  const ends = await Promise.all(calls)
  t.equal(ends.filter((end) => end === 200).length, calls.length - 1)
  t.equal(ends.filter((end) => end === 'TypeError').length, 1, `no timeout: ${ends.join(', ')}`)
  await waitFor(async () => (await sample('runtime_worker_restarts_total')) > restarts, {
    ...WAIT,
    what: 'the restart'
  })
  await allReady()
})

t.test('whoever leaves while a place is asked for has nothing run for him', async (t) => {
  const { hostname, port } = new URL(origin)
  const body = JSON.stringify(makeRequest('Wait [[sim:delay=60000]]'))
  const before = await simulator.stats()
  const head = [
    'POST /api/v1/execute HTTP/1.1',
    'host: runtime',
    `authorization: ${AUTHORIZED.authorization}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`
  ]
  const caller = connect(Number(port), hostname)
  caller.on('error', () => undefined)
  // The connection is with its worker before the launcher, who counts the places, is paused.
  caller.write('GET /health HTTP/1.1\r\nhost: runtime\r\n\r\n')
  await once(caller, 'data')
  runtime.kill('SIGSTOP')
  await new Promise((resolve) => caller.write(`${head.join('\r\n')}\r\n\r\n${body}`, resolve))
  await delay(100)
  caller.destroy()
  await delay(100)
  runtime.kill('SIGCONT')
  const started = async () => ((await simulator.stats()).started ?? 0) > (before.started ?? 0)
  await waitFor(started, { timeoutMs: 2000, what: 'the model to be called' }).catch(() => undefined)
  await waitFor(async () => (await simulator.stats()).open === before.open, {
    timeoutMs: 5000,
    what: 'the model call to be closed'
  })
  await waitFor(async () => (await sample('runtime_execution_in_flight')) === 0, {
    timeoutMs: 5000,
    what: 'its place to be free'
  })
  t.pass('the execution was cancelled')
})

t.test('SIGHUP to the launcher reaches every worker: all write to the new log file', async (t) => {
  renameSync(log, `${log}.1`)
  runtime.kill('SIGHUP')
  const pids = [runtime.pid, ...workerPids()]
  const written = (): Set<unknown> => {
    if (!existsSync(log)) return new Set()
    const lines = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('SIGHUP: log file opened again'))
    return new Set(lines.map((line) => (JSON.parse(line) as { pid: number }).pid))
  }
  await waitFor(() => written().size === pids.length, { ...WAIT, what: 'a line of each process in the new file' })
  t.same(written(), new Set(pids))
})

t.test('SIGTERM to all at once, as a service manager sends it, drains every worker', async (t) => {
  const quick = await Promise.all(Array.from({ length: 3 }, () => begin('Tell me [[sim:length=20 gap=20]]')))
  const slow = await Promise.all(Array.from({ length: 3 }, () => begin('Wait [[sim:hang]]')))
  const pids = [runtime.pid, ...workerPids()]
  for (const pid of pids) process.kill(pid, 'SIGTERM')
  for (const { stream } of quick) lastOf(await stream.all(), 'execution.completed')
  for (const { stream } of slow) {
    const events = await stream.all()
    t.match(lastOf(events, 'execution.interrupted'), { reason: 'shutdown' })
    t.equal(typesOf(events).filter((type) => type === 'execution.interrupted').length, 1)
  }
  await runtime.stop()
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, `${pid} is gone`)
  t.notMatch(runtime.lines.join('\n'), /shutdown was cut short/)
})
