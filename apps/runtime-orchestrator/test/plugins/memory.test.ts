import fc from 'fast-check'
import t from 'tap'
import { createCapacity, localPlaces } from '../../src/plugins/capacity.ts'
import {
  limitTooNear,
  type MemoryRatios,
  memoryRatios,
  oldGenerationLimit,
  watchMemory
} from '../../src/plugins/memory.ts'
import { createPlaces } from '../../src/workers/places.ts'

const MIB = 1024 ** 2
const HEAP = { usedBytes: 80 * MIB, committedBytes: 90 * MIB, limitBytes: 100 * MIB, ageMs: 0, nowBytes: 0 }

t.test('a limit that there is not is not used, and an old collection says nothing', async (t) => {
  t.same(memoryRatios(HEAP, undefined), { heap: 0.9, cgroup: 0 })
  t.same(memoryRatios({ ...HEAP, ageMs: 10_001 }, { usedBytes: 30, limitBytes: 40 }), { heap: 0, cgroup: 0.75 })
  t.same(memoryRatios({ ...HEAP, ageMs: Number.POSITIVE_INFINITY }, undefined), { heap: 0, cgroup: 0 })
  t.equal(memoryRatios({ ...HEAP, ageMs: 10_001, nowBytes: 84 * MIB }, undefined).heap, 0, 'garbage is no pressure')
  t.equal(memoryRatios({ ...HEAP, ageMs: 10_001, nowBytes: 86 * MIB }, undefined).heap, 0.86, 'until it comes too near')
})

t.test('gaps between objects count, but not what is on its way back to the system', async (t) => {
  const { heap } = memoryRatios({ ...HEAP, usedBytes: 40 * MIB, committedBytes: 95 * MIB }, undefined)
  t.equal(heap, 0.5)
})

t.test('the limit of the old generation is that of the flag, else nearly the whole heap', async (t) => {
  const limit = (...flags: string[]) => oldGenerationLimit(flags, 1000 * MIB) / MIB
  t.equal(limit(), 950)
  t.equal(limit('--enable-source-maps', '--max-old-space-size=300'), 300)
  t.equal(limit('--max_old_space_size', '300', '--inspect'), 300)
  t.equal(limit('--max-old-space-size=300', '--max-old-space-size=200'), 200, 'the last one counts')
  t.equal(limit('--max-old-space-size-percentage=50'), 950)
})

const TABLE: [ratios: MemoryRatios, near: 'heap' | 'cgroup' | undefined, expected: 'heap' | 'cgroup' | undefined][] = [
  [{ heap: 0.89, cgroup: 0.89 }, undefined, undefined],
  [{ heap: 0.9, cgroup: 0 }, undefined, 'heap'],
  [{ heap: 0, cgroup: 0.95 }, undefined, 'cgroup'],
  [{ heap: 0.86, cgroup: 0 }, 'heap', 'heap'],
  [{ heap: 0.84, cgroup: 0 }, 'heap', undefined],
  [{ heap: 0.84, cgroup: 0.93 }, 'heap', 'cgroup'],
  [{ heap: 0.95, cgroup: 0.86 }, 'cgroup', 'cgroup']
]
for (const [ratios, near, expected] of TABLE) {
  t.test(`heap ${ratios.heap}, cgroup ${ratios.cgroup}, before ${near}: ${expected}`, async (t) => {
    t.equal(limitTooNear(ratios, 0.9, near), expected)
  })
}

t.test('below the mark less its relief nothing is ever too near', async (t) => {
  const ratio = fc.double({ min: 0, max: 0.84, noNaN: true })
  const near = fc.constantFrom('heap' as const, 'cgroup' as const, undefined)
  fc.assert(
    fc.property(ratio, ratio, near, (heap, cgroup, before) => limitTooNear({ heap, cgroup }, 0.9, before) === undefined)
  )
  t.pass('for any mixture')
})

t.test('under pressure nothing new begins, and it is said once, counted and shown', async (t) => {
  let now = 0
  let ratios: MemoryRatios = { heap: 0.2, cgroup: 0.3 }
  const lines: string[] = []
  const shown: Record<string, number> = {}
  const refused: string[] = []
  const logger = {
    warn: (_fields: unknown, message: string) => lines.push(`warn ${message}`),
    info: (_fields: unknown, message: string) => lines.push(`info ${message}`)
  } as unknown as Parameters<typeof watchMemory>[0]['logger']
  const memory = watchMemory({
    highWater: 0.9,
    metrics: { setMemoryUsed: (limit, ratio) => (shown[limit] = ratio) },
    logger,
    read: () => ratios,
    now: () => now
  })
  t.teardown(() => memory.close())
  const metrics = {
    setInFlight: () => {},
    setInFlightLimit: () => {},
    setQueueLength: () => {},
    refused: (reason: string) => void refused.push(reason)
  }
  const capacity = createCapacity({ places: localPlaces(createPlaces(2)), memory, metrics, draining: () => false })
  t.match(await capacity.take('1', 'a'), { kind: 'here' })

  ratios = { heap: 0.934, cgroup: 0.3 }
  now += 100
  for (let call = 0; call < 3; call++) {
    await t.rejects(capacity.take('2', 'a'), {
      code: 'RUNTIME_OVERLOADED',
      message: 'This runtime is short of memory.',
      details: [{ path: 'reason', message: 'memory, heap: 93 % used' }],
      headers: { 'retry-after': '1' }
    })
  }
  await t.rejects(capacity.check(), { code: 'RUNTIME_OVERLOADED' }, 'a probe is refused as an execution would be')
  t.same(refused, ['memory', 'memory', 'memory'], 'a probe is no execution')
  t.same(shown, { heap: 0.934, cgroup: 0.3 })

  ratios = { heap: 0.5, cgroup: 0.3 }
  now += 100
  t.equal(await capacity.check(), 1)
  t.same(lines, ['warn [Runtime] memory is nearly used up: no new executions', 'info [Runtime] memory is free again'])
})
