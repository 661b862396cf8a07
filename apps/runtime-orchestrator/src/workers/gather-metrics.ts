import { joinSnapshots, type MetricSnapshot, retireSnapshot } from '@semibot/metrics'

export interface MetricsGathererOptions {
  /** The launcher's own metrics. */
  own: () => Promise<MetricSnapshot>
  /** Asks every worker that is ready for its metrics under this number; returns who was asked. */
  ask: (id: number) => readonly number[]
  /** A worker that has not answered by then is shown as it was last, milliseconds. Default 1500. */
  limitMs?: number
}

/**
 * One page of metrics for all workers. Counters never go back: those of a worker that is gone stay, as it told
 * them last, and a worker that is too busy to answer is shown as it was.
 */
export interface MetricsGatherer {
  page(): Promise<string>
  received(worker: number, id: number, metrics: MetricSnapshot): void
  gone(worker: number): void
}

interface Round {
  open: Set<number>
  done: () => void
}

export function createMetricsGatherer({ own, ask, limitMs = 1_500 }: MetricsGathererOptions): MetricsGatherer {
  const latest = new Map<number, MetricSnapshot>()
  const rounds = new Map<number, Round>()
  let retired: Promise<MetricSnapshot> = Promise.resolve([])
  let last = 0

  function settle(worker: number, round: Round): void {
    if (round.open.delete(worker) && round.open.size === 0) round.done()
  }

  return {
    async page() {
      const id = ++last
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, limitMs)
      const round: Round = { open: new Set(ask(id)), done: resolve }
      rounds.set(id, round)
      if (round.open.size === 0) resolve()
      await promise
      clearTimeout(timer)
      rounds.delete(id)
      return await joinSnapshots([await own(), ...latest.values(), await retired])
    },
    received(worker, id, metrics) {
      latest.set(worker, metrics)
      const round = rounds.get(id)
      if (round !== undefined) settle(worker, round)
    },
    gone(worker) {
      const snapshot = latest.get(worker)
      latest.delete(worker)
      if (snapshot !== undefined) retired = retired.then((sum) => retireSnapshot(sum, snapshot))
      for (const round of rounds.values()) settle(worker, round)
    }
  }
}
