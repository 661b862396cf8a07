import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { readMetrics, sumOf } from '@semibot/stack'
import { usageOf } from '../../process-usage.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'

const PLACES = 50
const CHUNKS_PER_SECOND = 50
/** Node reports the time between two samples, which an idle loop takes one each 10 ms: what is above that is lag. */
const SAMPLED_EVERY_SECONDS = 0.01
/** The executions last longer than the measurement. */
const LONGEST_SECONDS = 60
const TOKEN = 'figures-service-token-0123456789abcdef'

/** One instance with as many executions as it takes, each at 50 chunks a second; and one more. */
export const fullHouseScenario: Scenario = {
  name: 'full-house',
  about: `${PLACES} executions at once on one instance, ${CHUNKS_PER_SECOND} chunks/s each`,
  run: async (context) => [
    ...(await fill(context, 'without tools', [])),
    ...(await fill(context, 'with tools', ['calculator', 'current_time']))
  ]
}

async function fill({ base, quick }: FigureContext, kind: string, tools: string[]): Promise<Figure[]> {
  const runtime = await base.startRuntime({
    RUNTIME_MAX_CONCURRENT_EXECUTIONS: String(PLACES),
    RUNTIME_SERVICE_TOKEN: TOKEN
  })
  const leave = new AbortController()
  try {
    const seconds = quick ? 5 : 15
    // One organisation may not take all places while others are about: nobody else is here.
    const orgId = randomUUID()
    const open = () => execute(runtime.url, orgId, tools, leave.signal)
    const streams = await Promise.all(Array.from({ length: PLACES }, open))
    let chunks = 0
    const count = (more: number) => {
      chunks += more
    }
    const reads = streams.map((stream) => countChunks(stream, count).catch(() => undefined))
    await pause(2000)
    // Reading the figures begins them anew.
    await readMetrics(runtime.url)
    const [startedAt, chunksBefore, cpuBefore] = [performance.now(), chunks, usageOf(runtime.pid).cpuSeconds]
    const refused = await open()
    const refusal = refused.ok ? 'event:' : await refused.text()
    await pause(seconds * 1000)
    const lag = sumOf([await readMetrics(runtime.url)], 'nodejs_eventloop_lag_p99_seconds') - SAMPLED_EVERY_SECONDS
    const rate = ((chunks - chunksBefore) * 1000) / (performance.now() - startedAt) / PLACES
    const cpuMicros = ((usageOf(runtime.pid).cpuSeconds - cpuBefore) * 1e6) / (chunks - chunksBefore)
    leave.abort()
    await Promise.all(reads)
    const events = refusal.split('\n').filter((line) => line.startsWith('event:')).length
    return [
      figure(
        {
          fault: `${PLACES} executions ${kind}, ${CHUNKS_PER_SECOND} chunks/s each`,
          asked: 'event-loop lag p99 < 20 ms',
          measured: `p99 ${(lag * 1000).toFixed(1)} ms, at ${rate.toFixed(0)} chunks/s each, ${cpuMicros.toFixed(0)} us of CPU per chunk`
        },
        lag < 0.02 && rate > CHUNKS_PER_SECOND * 0.8,
        []
      ),
      figure(
        {
          fault: `${PLACES} executions ${kind}: one more`,
          asked: 'refused before any event',
          measured: `answered ${refused.status} with retry-after ${refused.headers.get('retry-after')} and ${events} events`
        },
        refused.status === 503 && events === 0 && refusal.includes('RUNTIME_OVERLOADED'),
        []
      )
    ]
  } finally {
    leave.abort()
    await runtime.stop()
  }
}

function execute(url: string, orgId: string, tools: string[], signal: AbortSignal): Promise<Response> {
  const words = LONGEST_SECONDS * CHUNKS_PER_SECOND
  const gapMs = 1000 / CHUNKS_PER_SECOND
  return fetch(`${url}/api/v1/execute/stream`, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({
      executionId: randomUUID(),
      orgId,
      sessionId: randomUUID(),
      userId: null,
      messageId: randomUUID(),
      message: `Talk. [[sim:length=${words} gap=${gapMs} delay=0]]`,
      history: [],
      agent: { id: 'figures', slug: 'figures', systemPrompt: '', model: 'simulator', tools }
    })
  })
}

async function countChunks(response: Response, onChunks: (count: number) => void): Promise<void> {
  if (!response.ok) throw new Error(`the runtime answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
  const decoder = new TextDecoder()
  for await (const piece of response.body ?? []) {
    onChunks(decoder.decode(piece as Uint8Array, { stream: true }).split('"type":"message.delta"').length - 1)
  }
}
