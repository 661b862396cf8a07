import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { BatchLanes } from '../../src/turn-writer/batch-lanes.ts'

/** Lanes whose batches take no time, with the size of each batch that was run. */
function quickLanes(startsPerSecond: number) {
  const batches: number[] = []
  const lanes = new BatchLanes<number, number>({
    what: 'test',
    lanes: 2,
    maxBatch: 128,
    maxQueue: 10_000,
    maxWaitMs: 5000,
    startsPerSecond,
    sizeOf: () => 1,
    async run(calls) {
      batches.push(calls.length)
      for (const call of calls) call.resolve(call.item)
    }
  })
  return { lanes, batches }
}

t.test('a call alone does not wait for others', async (t) => {
  const { lanes, batches } = quickLanes(20)
  for (let call = 1; call <= 3; call++) {
    const begin = performance.now()
    t.equal(await lanes.push(call), call)
    t.ok(performance.now() - begin < 40, 'less than the 50 ms between two starts')
  }
  t.same(batches, [1, 1, 1])
})

t.test('under load batches start at a bounded rate and become larger', async (t) => {
  const { lanes, batches } = quickLanes(100)
  const begin = performance.now()
  const answers: Promise<number>[] = []
  for (let turn = 0; turn < 100; turn++) {
    answers.push(lanes.push(turn))
    await delay(2)
  }
  t.same(
    await Promise.all(answers),
    Array.from({ length: 100 }, (_, turn) => turn)
  )
  const seconds = (performance.now() - begin) / 1000
  t.ok(batches.length <= 4 + 100 * seconds + 1, `${batches.length} batches in ${seconds} s`)
  t.equal(
    batches.reduce((sum, size) => sum + size, 0),
    100
  )
  await lanes.close()
})
