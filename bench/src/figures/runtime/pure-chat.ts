import { cpus } from 'node:os'
import { freePort } from '@semibot/stack'
import { usageOf } from '../../process-usage.ts'
import { median } from '../../quantiles.ts'
import { pin, runLoad } from '../../run-load.ts'
import { type System, startPipe, startUpstream } from '../../systems.ts'
import type { RequestResult, StreamResult } from '../../types.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'

/** Api and runtime share a core with nothing else on it: so many streams at 50 chunks/s leave it some room. */
const STREAMS = [100, 200]
const CHUNKS = 100
const ROUNDS = 5
const WARM_UPS = 3
const WARM_UP_MS = 15_000
const MOST_TIMES_RELAY = 1.3
const MOST_LAG_MS = 50

/** What one load cost each of the processes, and what its streams saw. */
interface Round {
  relay: number
  api: number
  runtime: number
  lagMs: number
  lost: number
}

/** Chats of an agent without tools through api and runtime, beside a bare relay of the same model server. */
export const pureChatScenario: Scenario = {
  name: 'pure-chat',
  about: 'streams without tools through api and runtime, against a bare relay in the same run',
  run: measurePureChat
}

async function measurePureChat({ base, quick, report }: FigureContext): Promise<Figure[]> {
  const port = await freePort()
  const upstream = `http://127.0.0.1:${port}`
  const stops: (() => Promise<unknown>)[] = []
  const hasCores = cpus().length > 1
  try {
    // What this process starts from here on inherits the core; what is measured is moved to the other one.
    if (hasCores) pin(process.pid, 0)
    stops.push((await startUpstream(port)).stop)
    const pipe = await startPipe(upstream)
    stops.push(pipe.stop)
    const model = { LLM_BASE_URL: `${upstream}/v1`, LLM_MODEL: 'bench' }
    const runtime = await base.startRuntime(model)
    stops.push(runtime.stop)
    const api = await base.startApi({ ...model, RUNTIME_SERVICE_URL: runtime.url })
    stops.push(api.stop)
    const system: System = {
      name: 'api',
      pid: api.pid,
      url: `${api.url}/api/v1/chat`,
      headers: { authorization: `Bearer ${base.runtimeOrg.apiKey}` },
      chunkKey: 'delta'
    }
    for (const pid of [pipe.pid, api.pid, runtime.pid]) pin(pid, hasCores ? 1 : 0)
    report('warming up')
    // Whole answers: they are the quickest way to have the code of a chat compiled, and a server runs for weeks.
    const durationMs = quick ? 1000 : WARM_UP_MS
    for (const each of [pipe, system]) {
      await runLoad<RequestResult>(each, { ...each, kind: 'requests', connections: 64, durationMs })
    }
    const figures: Figure[] = []
    for (const streams of quick ? STREAMS.slice(0, 1) : STREAMS) {
      const rounds: Round[] = []
      const wanted = quick ? 1 : ROUNDS
      for (let round = quick ? 0 : -WARM_UPS; round < wanted; round++) {
        report(`${streams} streams, ${round < 0 ? 'warming up' : `round ${round + 1} of ${wanted}`}`)
        const measured = await measureRound(pipe, system, runtime.pid, streams)
        if (round >= 0) rounds.push(measured)
      }
      figures.push(toFigure(streams, rounds))
    }
    return figures
  } finally {
    for (const stop of stops.reverse()) await stop()
    if (hasCores) pin(process.pid, `0-${cpus().length - 1}`)
  }
}

async function measureRound(pipe: System, api: System, runtimePid: number, streams: number): Promise<Round> {
  const load = { kind: 'streams', streams, chunks: CHUNKS } as const
  const relayed = await runLoad<StreamResult>(pipe, { ...pipe, ...load })
  const before = usageOf(runtimePid).cpuSeconds
  const chatted = await runLoad<StreamResult>(api, { ...api, ...load })
  const runtimeSeconds = usageOf(runtimePid).cpuSeconds - before
  const perChunk = (seconds: number, { chunks }: StreamResult) => (seconds * 1e6) / chunks
  return {
    relay: perChunk(relayed.cpuSeconds, relayed.result),
    api: perChunk(chatted.cpuSeconds, chatted.result),
    runtime: perChunk(runtimeSeconds, chatted.result),
    lagMs: chatted.result.lagP99Ms,
    lost: chatted.result.lost + chatted.result.errors
  }
}

function toFigure(streams: number, rounds: readonly Round[]): Figure {
  const of = (key: keyof Round) => median(rounds.map((round) => round[key]))
  const [relay, lagMs] = [of('relay'), of('lagMs')]
  const times = { api: of('api') / relay, runtime: of('runtime') / relay }
  const lost = rounds.reduce((sum, round) => sum + round.lost, 0)
  return figure(
    {
      fault: `${streams} streams without tools through api and runtime, 50 chunks/s each`,
      asked: `CPU per chunk of each at most ${MOST_TIMES_RELAY} x the bare relay, lag p99 < ${MOST_LAG_MS} ms`,
      measured: `relay ${relay.toFixed(0)} us, api ${times.api.toFixed(2)} x, runtime ${times.runtime.toFixed(2)} x, lag p99 ${lagMs.toFixed(1)} ms, ${lost} lost`
    },
    times.api <= MOST_TIMES_RELAY && times.runtime <= MOST_TIMES_RELAY && lagMs < MOST_LAG_MS && lost === 0,
    []
  )
}
