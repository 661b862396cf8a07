// One client of a runtime, as the api is one: opens streams, reads their events, and says what that cost. The load
// comes in the variable LOAD; the result goes to standard output.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { openEventStream } from '@semibot/chat-protocol/event-stream'
import { Agent } from 'undici'
import { quantile } from './quantiles.ts'

export interface TransportLoad {
  origin: string
  token: string
  /** Certificate of the authority, PEM; none for http:. */
  ca?: string
  http2: boolean
  /** Streams of one connection, for HTTP/2. */
  streamsPerConnection: number
  streams: number
  /** The bare relay is asked, which passes on what the model server writes. */
  relay: boolean
}

export interface TransportResult {
  chunks: number
  errors: number
  cpuSeconds: number
  firstEventP50Ms: number
  firstEventP99Ms: number
  lagP50Ms: number
  lagP99Ms: number
}

/** Starts of streams are spread over this time. */
const RAMP_MS = 1000
/** A chunk's text begins with the time at which the model server wrote it, see upstream.ts. */
const MARK = /"(?:delta|content)":"t(\d{13}\.\d{3}) /

const load = JSON.parse(process.env.LOAD ?? '{}') as TransportLoad
const dispatcher = new Agent({
  connections: null,
  allowH2: load.http2,
  connect: { timeout: 10_000, ...(load.ca === undefined ? {} : { ca: load.ca }) },
  h2Options: { maxConcurrentStreams: load.streamsPerConnection },
  headersTimeout: 0,
  bodyTimeout: 0
})
const lags: number[] = []
const firsts: number[] = []
let errors = 0

async function one(index: number): Promise<void> {
  await pause((index / load.streams) * RAMP_MS)
  const sent = performance.now()
  let ended = false
  try {
    await openEventStream(
      {
        dispatcher,
        origin: load.origin,
        path: load.relay ? '/relay' : '/api/v1/execute/stream',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${load.token}` },
        body: JSON.stringify(load.relay ? { stream: true } : request()),
        signal: AbortSignal.timeout(50_000)
      },
      {
        onEvent: ({ event, data }) => {
          if (event === 'execution.started') firsts.push(performance.now() - sent)
          if (event === 'execution.completed') ended = true
          if (event !== 'message.delta' && !load.relay) return
          const written = Number(MARK.exec(data)?.[1])
          if (written > 0) lags.push(performance.timeOrigin + performance.now() - written)
        },
        onOpen: () => {
          if (load.relay) firsts.push(performance.now() - sent)
        }
      }
    )
    ended ||= load.relay
  } catch {
    ended = false
  }
  if (!ended) errors++
}

function request() {
  return {
    executionId: randomUUID(),
    orgId: randomUUID(),
    sessionId: randomUUID(),
    messageId: randomUUID(),
    userId: null,
    message: 'How much is it? '.repeat(20),
    history: [],
    agent: { id: 'a', slug: 'default', systemPrompt: '', model: 'bench', tools: [] }
  }
}

const before = process.cpuUsage()
await Promise.all(Array.from({ length: load.streams }, (_, index) => one(index)))
const { user, system } = process.cpuUsage(before)
const sorted = Float64Array.from(lags).sort()
const first = Float64Array.from(firsts).sort()
const result: TransportResult = {
  chunks: lags.length,
  errors,
  cpuSeconds: (user + system) / 1e6,
  firstEventP50Ms: quantile(first, 0.5),
  firstEventP99Ms: quantile(first, 0.99),
  lagP50Ms: quantile(sorted, 0.5),
  lagP99Ms: quantile(sorted, 0.99)
}
process.stdout.write(JSON.stringify(result))
await dispatcher.destroy()
