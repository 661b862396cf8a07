import t from 'tap'
import { BatchLanes } from '../../src/turn-writer/batch-lanes.ts'

/** Lanes whose batches take no time, with the calls of each batch that was run. */
function quickLanes(startsPerSecond: number) {
  const batches: number[][] = []
  const lanes = new BatchLanes<number, number>({
    what: 'test',
    lanes: 2,
    maxBatch: 128,
    maxQueue: 1000,
    maxWaitMs: 60_000,
    startsPerSecond,
    sizeOf: () => 1,
    async run(calls) {
      batches.push(calls.map(({ item }) => item))
      for (const call of calls) call.resolve(call.item)
    }
  })
  return { lanes, batches }
}

t.test('calls of one turn of the event loop share a batch, and one that comes alone has its own', async (t) => {
  const { lanes, batches } = quickLanes(300)
  await Promise.all([lanes.push(1), lanes.push(2)])
  await lanes.push(3)
  t.same(batches, [[1, 2], [3]])
  await lanes.close()
})

t.test('once too many batches have started, the calls that come next wait for each other', async (t) => {
  // Far apart, so that none of the waiting ones starts before all of them are here.
  const { lanes, batches } = quickLanes(2)
  for (const call of [1, 2, 3, 4]) await lanes.push(call)
  const waiting: Promise<number>[] = []
  for (const call of [5, 6, 7]) {
    waiting.push(lanes.push(call))
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(lanes.queueLength, 3)
  await lanes.close()
  t.same(await Promise.all(waiting), [5, 6, 7])
  t.same(batches, [[1], [2], [3], [4], [5, 6, 7]])
})
