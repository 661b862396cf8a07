import { runLoad } from './run-load.ts'
import type { System, Systems } from './systems.ts'
import type { RequestResult, StreamResult } from './types.ts'

/** One figure of one system, over all rounds. */
export interface Figure {
  load: string
  system: string
  /** What one value is, with its unit. */
  name: string
  values: number[]
  errors: number
}

export interface MeasureOptions {
  rounds: number
  quick: boolean
}

const CONNECTIONS = 64
const CHUNKS = 100

/** A server runs for weeks: what is measured is code that its engine has compiled, in both systems. */
async function warmUp(system: System, quick: boolean): Promise<void> {
  const durationMs = quick ? 2000 : 15_000
  await runLoad(system, { ...system, kind: 'requests', connections: CONNECTIONS, durationMs })
  for (let time = 0; time < (quick ? 1 : 3); time++) {
    await runLoad(system, { ...system, kind: 'streams', streams: 500, chunks: CHUNKS })
  }
}

/** Rounds of all loads; within a round the systems take turns, so that a busy machine is busy for both. */
export async function measure(
  systems: Systems,
  options: MeasureOptions,
  report: (text: string) => void
): Promise<Figure[]> {
  const figures = new Map<string, Figure>()
  const add = (load: string, system: System, name: string, value: number, errors: number) => {
    const key = `${load}|${system.name}|${name}`
    const figure = figures.get(key) ?? { load, system: system.name, name, values: [], errors: 0 }
    figure.values.push(value)
    figure.errors += errors
    figures.set(key, figure)
  }
  const pair = [systems.pipe, systems.api]
  const durationMs = options.quick ? 3000 : 6000
  const counts = options.quick ? [100, 500] : [100, 250, 500]

  report('warming up')
  for (const system of pair) await warmUp(system, options.quick)

  for (let round = 1; round <= options.rounds; round++) {
    report(`round ${round} of ${options.rounds}: requests`)
    for (const system of pair) {
      const load = `requests, ${CONNECTIONS} connections`
      const { result, cpuSeconds } = await runLoad<RequestResult>(system, {
        ...system,
        kind: 'requests',
        connections: CONNECTIONS,
        durationMs
      })
      add(load, system, 'requests per CPU second', result.requests / cpuSeconds, result.errors)
      add(load, system, 'requests per second', result.requests / result.seconds, 0)
      add(load, system, 'latency p50 ms', result.p50Ms, 0)
      add(load, system, 'latency p99 ms', result.p99Ms, 0)
    }
    for (const streams of counts) {
      report(`round ${round} of ${options.rounds}: ${streams} streams`)
      for (const system of pair) {
        const load = `${streams} streams of 50 chunks/s`
        const round = await runLoad<StreamResult>(system, { ...system, kind: 'streams', streams, chunks: CHUNKS })
        const { result } = round
        add(load, system, 'CPU us per chunk', (round.cpuSeconds * 1e6) / result.chunks, result.errors + result.lost)
        add(load, system, 'lag p50 ms', result.lagP50Ms, 0)
        add(load, system, 'lag p99 ms', result.lagP99Ms, 0)
        add(load, system, 'first byte p99 ms', result.firstByteP99Ms, 0)
        add(load, system, 'memory growth KB per stream', round.grownBytes / 1024 / streams, 0)
      }
    }
  }
  return [...figures.values()]
}
