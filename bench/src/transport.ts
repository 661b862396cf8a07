// node --conditions=@semibot/source bench/src/transport.ts [--quick] [--json FILE]
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { ENTRIES, freePort, REPOSITORY_ROOT, SOURCE_FLAGS, startProcess, waitFor } from '@semibot/stack'
import { makeCertificate } from '@semibot/stack/test'
import { usageOf } from './process-usage.ts'
import { median } from './quantiles.ts'
import type { TransportLoad, TransportResult } from './transport-client.ts'

const USAGE = `A runtime against a bare relay, HTTP/2 against HTTP/1.1 between api and runtime, and two workers against one, side by
side in one run.

  node --conditions=@semibot/source bench/src/transport.ts            about six minutes: four rounds
  node --conditions=@semibot/source bench/src/transport.ts --quick    about a minute: one round

Exits with 1 when a stream was lost.`

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}

interface Transport {
  name: string
  secure: boolean
  workers?: number
  /** No runtime: Fastify takes the request, undici asks the model server, the body goes back as a stream. */
  relay?: boolean
  http2: boolean
  streamsPerConnection: number
}

const TRANSPORTS: Transport[] = [
  { name: 'bare relay, HTTP/1.1', secure: false, http2: false, streamsPerConnection: 1, relay: true },
  { name: 'HTTP/1.1, plain', secure: false, http2: false, streamsPerConnection: 1 },
  { name: 'HTTP/1.1, TLS', secure: true, http2: false, streamsPerConnection: 1 },
  { name: 'HTTP/2, TLS, 16 per connection', secure: true, http2: true, streamsPerConnection: 16 },
  { name: 'HTTP/2, TLS, 100 per connection', secure: true, http2: true, streamsPerConnection: 100 },
  { name: 'HTTP/1.1, plain, 2 workers', secure: false, http2: false, streamsPerConnection: 1, workers: 2 }
]
interface Runtime {
  pid: number
  origin: string
}

const CHUNKS = 100
const run = promisify(execFile)
const stops: (() => unknown)[] = []
const token = randomBytes(24).toString('hex')
const certificate = makeCertificate()
const folder = mkdtempSync(join(tmpdir(), 'semibot-transport-'))
stops.push(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'cert.pem'), certificate.cert)
writeFileSync(join(folder, 'key.pem'), certificate.key, { mode: 0o600 })

async function start(
  name: string,
  entry: string,
  env: Record<string, string>,
  ready: { url: string } | { line: RegExp }
) {
  const running = await startProcess({
    name,
    command: process.execPath,
    args: [...SOURCE_FLAGS, entry],
    cwd: REPOSITORY_ROOT,
    env: { PATH: process.env.PATH, ...env },
    ready
  })
  stops.push(() => running.stop())
  return running
}

async function startRuntime(upstream: string, { secure, workers = 1, relay = false }: Transport): Promise<Runtime> {
  const port = await freePort()
  const origin = `http${secure ? 's' : ''}://127.0.0.1:${port}`
  if (relay) {
    const pipe = join(import.meta.dirname, 'pipe.ts')
    const { pid } = await start('relay', pipe, { PORT: String(port), UPSTREAM: upstream }, { line: /listens/ })
    return { pid, origin }
  }
  const tls = { RUNTIME_TLS_CERT: join(folder, 'cert.pem'), RUNTIME_TLS_KEY: join(folder, 'key.pem') }
  const env = {
    ENV_FILE: '/dev/null',
    DATABASE_URL: 'postgres://semibot@127.0.0.1:1/semibot',
    LLM_BASE_URL: `${upstream}/v1`,
    LOG_LEVEL: 'warn',
    RUNTIME_PORT: String(port),
    RUNTIME_SERVICE_TOKEN: token,
    RUNTIME_MAX_CONCURRENT_EXECUTIONS: '5000',
    RUNTIME_WORKERS: String(workers),
    SHUTDOWN_GRACE_MS: '0',
    ...(secure ? tls : {})
  }
  const { pid } = await start('runtime', ENTRIES.runtime, env, { url: `${origin}/health` })
  await waitFor(() => treeOf(pid).length === (workers === 1 ? 1 : 1 + workers), {
    timeoutMs: 30_000,
    what: 'all workers'
  })
  return { pid, origin }
}

/** The process and its children: launcher and workers. */
function treeOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number))]
}

function cpuSecondsOf(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + usageOf(each).cpuSeconds, 0)
}

/** One load over one transport, by a client process of its own. */
async function measure(transport: Transport, runtime: Runtime, streams: number) {
  const { http2, streamsPerConnection, secure, relay = false } = transport
  const load: TransportLoad = {
    ...{ origin: runtime.origin, token, http2, streamsPerConnection, streams, relay },
    ...(secure ? { ca: certificate.cert } : {})
  }
  const before = cpuSecondsOf(runtime.pid)
  const { stdout } = await run(process.execPath, [...SOURCE_FLAGS, join(import.meta.dirname, 'transport-client.ts')], {
    env: { PATH: process.env.PATH, LOAD: JSON.stringify(load) },
    timeout: 60_000
  })
  const result = JSON.parse(stdout) as TransportResult
  const runtimeSeconds = cpuSecondsOf(runtime.pid) - before
  const perChunk = 1e6 / (streams * CHUNKS)
  return {
    figures: {
      'server, CPU us per chunk': runtimeSeconds * perChunk,
      'client, CPU us per chunk': result.cpuSeconds * perChunk,
      'first event p50 ms': result.firstEventP50Ms,
      'first event p99 ms': result.firstEventP99Ms,
      'lag p50 ms': result.lagP50Ms,
      'lag p99 ms': result.lagP99Ms
    },
    lost: result.errors + (streams * CHUNKS - result.chunks)
  }
}

let lost = 0
const table = new Map<string, number[]>()
try {
  const upstreamPort = await freePort()
  await start('upstream', join(import.meta.dirname, 'upstream.ts'), { PORT: String(upstreamPort) }, { line: /listens/ })
  const upstream = `http://127.0.0.1:${upstreamPort}`
  const runtimes = new Map<string, Runtime>()
  const runtimeOf = async (transport: Transport): Promise<Runtime> => {
    const key = `${transport.secure} ${transport.workers} ${transport.relay}`
    const runtime = runtimes.get(key) ?? (await startRuntime(upstream, transport))
    runtimes.set(key, runtime)
    return runtime
  }
  // The first streams of a process are dear, whatever carries them.
  for (const transport of TRANSPORTS) await measure(transport, await runtimeOf(transport), 50)
  const counts = values.quick ? [50, 200] : [50, 100, 200]
  for (let round = 0; round < (values.quick ? 1 : 4); round++) {
    for (const streams of counts) {
      for (const transport of TRANSPORTS) {
        const { figures, lost: more } = await measure(transport, await runtimeOf(transport), streams)
        console.error(`round ${round + 1}, ${streams} streams, ${transport.name}`)
        lost += more
        for (const [name, value] of Object.entries(figures)) {
          const key = `${streams}|${name}|${transport.name}`
          table.set(key, [...(table.get(key) ?? []), value])
        }
      }
    }
  }
  print(counts)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(Object.fromEntries(table), null, 2)}\n`)
} finally {
  for (const stop of stops.reverse()) await stop()
}
if (lost > 0) console.error(`${lost} chunks or streams were lost: the figures are not to be trusted`)
process.exit(lost > 0 ? 1 : 0)

/** The median of each figure, and as a multiple of the bare relay's. */
function print(counts: number[]): void {
  for (const streams of counts) {
    console.log(`\n| ${streams} streams of 50 chunks/s | ${TRANSPORTS.map(({ name }) => name).join(' | ')} |`)
    console.log(`|---|${TRANSPORTS.map(() => '---|').join('')}`)
    const rows = [...table.keys()].flatMap((key) =>
      key.startsWith(`${streams}|`) ? [key.split('|')[1] as string] : []
    )
    for (const name of new Set(rows)) {
      const medians = TRANSPORTS.map((transport) => median(table.get(`${streams}|${name}|${transport.name}`) ?? []))
      const cells = medians.map((value, index) => {
        const ratio = index === 0 ? '' : ` (x ${(value / (medians[0] as number)).toFixed(2)})`
        return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}${ratio}`
      })
      console.log(`| ${name} | ${cells.join(' | ')} |`)
    }
  }
}
