import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { type MemoryUse, type RuntimeMetrics, readMemoryUse } from '@semibot/metrics'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../constants/log-messages.ts'

/** Which limit of memory is near. */
export type MemoryLimit = 'heap' | 'cgroup'

/** How much of each limit is used, 0 to 1 and above. */
export type MemoryRatios = Readonly<Record<MemoryLimit, number>>

export interface HeapUse {
  /** What was left after the last full garbage collection: what is used in between is mostly garbage. */
  liveBytes: number
  limitBytes: number
  /** Since that collection, milliseconds. */
  ageMs: number
}

/** A full collection that was long ago says nothing: near its limit the engine collects several times a second. */
const HEAP_FRESH_MS = 10_000
/** Once near, the pressure has to fall this much below the mark. */
const RELIEF = 0.05

/** What is used of each limit. A limit that there is not is not used at all. */
export function memoryRatios(heap: HeapUse, cgroup: MemoryUse | undefined): MemoryRatios {
  return {
    heap: heap.ageMs > HEAP_FRESH_MS ? 0 : heap.liveBytes / heap.limitBytes,
    cgroup: cgroup === undefined ? 0 : cgroup.usedBytes / cgroup.limitBytes
  }
}

/** The limit that is too near to begin anything new, if any. `near`: the one that was so far. */
export function limitTooNear(
  ratios: MemoryRatios,
  highWater: number,
  near: MemoryLimit | undefined
): MemoryLimit | undefined {
  if (near !== undefined && ratios[near] >= highWater - RELIEF) return near
  return (['heap', 'cgroup'] as const).find((limit) => ratios[limit] >= highWater)
}

export interface MemoryWatch {
  /** The limit that is too near to begin anything new, with the share of it that is used. */
  tooNear(): { limit: MemoryLimit; ratio: number } | undefined
  close(): void
}

export interface MemoryWatchOptions {
  highWater: number
  metrics: Pick<RuntimeMetrics, 'setMemoryUsed'>
  logger: Pick<FastifyBaseLogger, 'warn' | 'info'>
  read?: () => MemoryRatios
  now?: () => number
}

const SAMPLE_MS = 1_000
/** A burst of calls looks at one sample. */
const FRESH_MS = 100

/** Watches the memory of this process and of its control group. */
export function watchMemory(options: MemoryWatchOptions): MemoryWatch {
  const { highWater, metrics, logger, now = () => performance.now() } = options
  const heap = options.read === undefined ? watchHeap(now) : undefined
  const read = options.read ?? (() => memoryRatios(heap!.use(), readMemoryUse()))
  let near: MemoryLimit | undefined
  let ratios: MemoryRatios = { heap: 0, cgroup: 0 }
  let sampledAt = Number.NEGATIVE_INFINITY
  const timer = setInterval(sample, SAMPLE_MS).unref()
  return {
    tooNear() {
      if (now() - sampledAt >= FRESH_MS) sample()
      return near === undefined ? undefined : { limit: near, ratio: ratios[near] }
    },
    close() {
      clearInterval(timer)
      heap?.close()
    }
  }

  function sample(): void {
    sampledAt = now()
    ratios = read()
    metrics.setMemoryUsed('heap', ratios.heap)
    metrics.setMemoryUsed('cgroup', ratios.cgroup)
    const before = near
    near = limitTooNear(ratios, highWater, near)
    if (near !== undefined && before === undefined) logger.warn({ limit: near, ...ratios }, LOG.memoryLow)
    if (near === undefined && before !== undefined) logger.info({ limit: before, ...ratios }, LOG.memoryBack)
  }
}

function watchHeap(now: () => number): { use(): HeapUse; close(): void } {
  let liveBytes = 0
  let collectedAt = Number.NEGATIVE_INFINITY
  const observer = new PerformanceObserver((list) => {
    // The type of an entry does not know what an entry of a collection has besides.
    const entries = list.getEntries() as { detail?: { kind?: number } }[]
    const full = entries.some(({ detail }) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)
    if (!full) return
    liveBytes = getHeapStatistics().used_heap_size
    collectedAt = now()
  })
  observer.observe({ entryTypes: ['gc'] })
  return {
    use: () => ({ liveBytes, limitBytes: getHeapStatistics().heap_size_limit, ageMs: now() - collectedAt }),
    close: () => observer.disconnect()
  }
}
