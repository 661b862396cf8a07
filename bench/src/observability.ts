import { cpus } from 'node:os'
import { agentCallAttributes, modelCallAttributes, modelResultAttributes, NO_TRACING } from '@semibot/service-kit'
import { freePort, startTraceCollector } from '@semibot/stack'
import { Client } from 'undici'
import { usageOf } from './process-usage.ts'
import { median, quantile } from './quantiles.ts'
import { pin, runLoad } from './run-load.ts'
import { type System, startSystems } from './systems.ts'
import type { RequestResult } from './types.ts'

/**
 * What observing the api costs: traces off, on, sampled and without their collector, in CPU time per chat; and a
 * scrape of /metrics in both of its forms. Run by `node --conditions=@semibot/source bench/src/observability.ts`;
 * about a minute.
 */
const ROUNDS = 11
const CONNECTIONS = 16
const ROUND_MS = 1500
const SCRAPES = 300
const SPANLESS_CHATS = 20_000
const SCRAPE_GOAL_MS = 2
const FORMS = { text: 'text/plain', OpenMetrics: 'application/openmetrics-text; version=1.0.0' }

const report = (text: string) => console.error(`observability: ${text}`)
const collector = await startTraceCollector()
const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
const systems = await startSystems(report, {
  'traces on': traces,
  'traces of 5 %': { ...traces, OTEL_TRACES_SAMPLER_ARG: '0.05' },
  'no collector there': { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` }
})
const stop = async () => {
  await systems.stop()
  await collector.stop()
}
process.once('SIGINT', () => void stop().then(() => process.exit(130)))

/** CPU microseconds per chat in each round; the systems take turns, so that a busy machine is busy for all. */
async function measureTraces(apis: readonly System[]): Promise<Map<string, number[]>> {
  const costs = new Map<string, number[]>(apis.map(({ name }) => [name, []]))
  const load = { kind: 'requests', connections: CONNECTIONS } as const
  for (const api of apis) await runLoad(api, { ...api, ...load, durationMs: 1500 })
  for (let round = 1; round <= ROUNDS; round++) {
    report(`round ${round} of ${ROUNDS}`)
    for (const api of apis) {
      const { result, cpuSeconds } = await runLoad<RequestResult>(api, { ...api, ...load, durationMs: ROUND_MS })
      if (result.errors > 0) throw new Error(`${result.errors} chats failed with ${api.name}`)
      costs.get(api.name)?.push((cpuSeconds * 1e6) / result.requests)
    }
  }
  return costs
}

/** Microseconds that the spans of one direct chat take where nothing is traced: the best of several rounds. */
function costOfNothing(): number {
  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const ids = { agentId: 'a', agentName: 'default', model: 'bench', sessionId: 's', executionId: 'e' }
  const usage = { inputTokens: 1, outputTokens: 1 }
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 9; round++) {
    const startedAt = performance.now()
    for (let chat = 0; chat < SPANLESS_CHATS; chat++) {
      const execution = NO_TRACING.start('execute_chat', parent, { attributes: agentCallAttributes(ids) })
      for (const statement of ['accept_turn', 'finish_turn']) NO_TRACING.start(statement, execution.traceparent).end()
      const attributes = modelCallAttributes({ provider: 'openai', model: 'bench' })
      const call = NO_TRACING.start('chat bench', execution.traceparent, { kind: 'client', attributes })
      call.set(modelResultAttributes(usage, 'stop'))
      call.end()
      execution.end()
    }
    best = Math.min(best, ((performance.now() - startedAt) * 1000) / SPANLESS_CHATS)
  }
  return best
}

/** Scrapes one after the other on one connection. */
async function measureScrapes(api: System, accept: string) {
  const client = new Client(new URL(api.url).origin)
  const times: number[] = []
  let bytes = 0
  const before = usageOf(api.pid).cpuSeconds
  for (let scrape = 0; scrape < SCRAPES; scrape++) {
    const startedAt = performance.now()
    const { body } = await client.request({ path: '/metrics', method: 'GET', headers: { accept } })
    bytes = (await body.text()).length
    times.push(performance.now() - startedAt)
  }
  const cpuMs = ((usageOf(api.pid).cpuSeconds - before) * 1000) / SCRAPES
  await client.close()
  const sorted = Float64Array.from(times).sort()
  return { cpuMs, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), bytes }
}

let ok = false
try {
  const apis = [systems.api, ...Object.values(systems.variants)]
  for (const { pid } of apis) if (cpus().length > 1) pin(pid, 1)
  const costs = await measureTraces(apis)
  const off = costs.get(systems.api.name) ?? []
  console.log(
    `\nCPU us per chat of the api, median of ${ROUNDS} rounds (least - most), and how much more than in the same round without`
  )
  for (const [name, values] of costs) {
    const range = `(${Math.round(Math.min(...values))} - ${Math.round(Math.max(...values))})`
    const label = name === systems.api.name ? 'traces off' : name
    // Within a round the machine is as busy for one as for the other.
    const more = `${((median(values.map((value, round) => value / (off[round] ?? Number.NaN))) - 1) * 100).toFixed(1)} %`
    console.log(
      `  ${label.padEnd(22)}${String(Math.round(median(values))).padStart(6)} ${range.padEnd(16)}${more.padStart(8)}`
    )
  }
  console.log(`  the spans of a chat where nothing is traced: ${costOfNothing().toFixed(2)} us`)
  console.log(`  spans that arrived: ${collector.spans.length}`)

  console.log(`\nGET /metrics, ${SCRAPES} times in a row; at most ${SCRAPE_GOAL_MS} ms is asked`)
  const scraped: boolean[] = []
  for (const [name, accept] of Object.entries(FORMS)) {
    await measureScrapes(systems.api, accept)
    const { cpuMs, p50Ms, p99Ms, bytes } = await measureScrapes(systems.variants['traces on'] ?? systems.api, accept)
    scraped.push(p50Ms <= SCRAPE_GOAL_MS)
    const times = `CPU ${cpuMs.toFixed(2)} ms, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`
    console.log(`  ${name.padEnd(22)}${times}, ${Math.round(bytes / 1024)} KB`)
  }
  ok = scraped.every(Boolean)
} finally {
  await stop()
}
process.exit(ok ? 0 : 1)
