import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { type MemoryUse, type RuntimeMetrics, readMemoryUse } from '@semibot/metrics'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../constants/log-messages.ts'

/** Which limit of memory is near. */
export type MemoryLimit = 'heap' | 'cgroup'

/** How much of each limit is used, 0 to 1 and above. */
export type MemoryRatios = Readonly<Record<MemoryLimit, number>>

/** The old generation of the heap, as a full garbage collection has left it: in between most of it is garbage. */
export interface HeapUse {
  usedBytes: number
  /** Of pages that are in use, the gaps included. */
  committedBytes: number
  limitBytes: number
  /** Since that collection, milliseconds. */
  ageMs: number
  /** What is used at this moment, garbage included. */
  nowBytes: number
}

/** A full collection that was long ago says nothing: near its limit the engine collects several times a second. */
const HEAP_FRESH_MS = 10_000
/** Gaps count up to this share of what is used: of larger ones some are on their way back to the system. */
const MAX_GAPS = 0.25
/** From this share on garbage counts as well: so near its limit the engine may not get to collecting it in time. */
const BRINK = 0.85
/** Once near, the pressure has to fall this much below the mark. */
const RELIEF = 0.05

/** What is used of each limit. A limit that there is not is not used at all. */
export function memoryRatios(heap: HeapUse, cgroup: MemoryUse | undefined): MemoryRatios {
  const withGaps = Math.min(heap.committedBytes, heap.usedBytes * (1 + MAX_GAPS))
  const lasting = heap.ageMs > HEAP_FRESH_MS ? 0 : withGaps / heap.limitBytes
  const now = heap.nowBytes / heap.limitBytes
  return {
    heap: Math.max(lasting, now >= BRINK ? now : 0),
    cgroup: cgroup === undefined ? 0 : cgroup.usedBytes / cgroup.limitBytes
  }
}

/** The engine keeps up to this share of the whole heap for its young generation, where no flag says otherwise. */
const YOUNG_SHARE = 0.05

/**
 * What the old generation may grow to: as the flag says, else nearly all of the heap. `flags`: those of the command
 * line and of NODE_OPTIONS; `heapLimitBytes`: of both generations.
 */
export function oldGenerationLimit(flags: readonly string[], heapLimitBytes: number): number {
  let limitBytes = heapLimitBytes * (1 - YOUNG_SHARE)
  for (const [index, flag] of flags.entries()) {
    const [, inline] = /^--max[-_]old[-_]space[-_]size(?:=(\d+))?$/.exec(flag) ?? []
    const mebibytes = Number(inline ?? (/^--max[-_]old[-_]space[-_]size$/.test(flag) ? flags[index + 1] : 0))
    if (mebibytes > 0) limitBytes = mebibytes * 1024 ** 2
  }
  return limitBytes
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
  /** Flags of the engine, see `oldGenerationLimit`. */
  flags?: readonly string[]
  metrics: Pick<RuntimeMetrics, 'setMemoryUsed'>
  logger: Pick<FastifyBaseLogger, 'warn' | 'info'>
  read?: () => MemoryRatios
  now?: () => number
}

const SAMPLE_MS = 1_000
/** A burst of calls looks at one sample; of calls with long histories not many fit into what is left. */
const FRESH_MS = 10

/** Watches the memory of this process and of its control group. */
export function watchMemory(options: MemoryWatchOptions): MemoryWatch {
  const { highWater, metrics, logger, now = () => performance.now() } = options
  const limitBytes = oldGenerationLimit(options.flags ?? [], getHeapStatistics().heap_size_limit)
  const heap = options.read === undefined ? watchHeap(limitBytes, now) : undefined
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

const YOUNG_SPACES = new Set(['new_space', 'new_large_object_space'])

function oldSpaces() {
  return getHeapSpaceStatistics().filter(({ space_name }) => !YOUNG_SPACES.has(space_name))
}

function watchHeap(limitBytes: number, now: () => number): { use(): HeapUse; close(): void } {
  const left = { usedBytes: 0, committedBytes: 0 }
  let collectedAt = Number.NEGATIVE_INFINITY
  const observer = new PerformanceObserver((list) => {
    // The type of an entry does not know what an entry of a collection has besides.
    const entries = list.getEntries() as { detail?: { kind?: number } }[]
    const full = entries.some(({ detail }) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)
    if (!full) return
    const spaces = oldSpaces()
    left.usedBytes = spaces.reduce((sum, { space_used_size }) => sum + space_used_size, 0)
    left.committedBytes = spaces.reduce((sum, { space_size }) => sum + space_size, 0)
    collectedAt = now()
  })
  observer.observe({ entryTypes: ['gc'] })
  return {
    use: () => ({
      ...left,
      limitBytes,
      ageMs: now() - collectedAt,
      nowBytes: oldSpaces().reduce((sum, { space_used_size }) => sum + space_used_size, 0)
    }),
    close: () => observer.disconnect()
  }
}
