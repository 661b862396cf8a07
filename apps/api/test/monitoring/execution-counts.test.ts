import fc from 'fast-check'
import t from 'tap'
import {
  COUNTS,
  firstTokenColumn,
  firstTokenQuantile,
  latencyColumn,
  latencyQuantile
} from '../../src/monitoring/execution-counts.ts'

function rowOf(columns: number[]): number[] {
  const row = new Array<number>(COUNTS).fill(0)
  for (const column of columns) row[column] = (row[column] ?? 0) + 1
  return row
}

t.test('a percentile is interpolated within its bucket, as Prometheus does it', async (t) => {
  const table: [what: string, latencies: number[], q: number, expected: number | null][] = [
    ['nothing', [], 0.5, null],
    ['one in the first bucket (0 to 100)', [3], 0.5, 50],
    ['two in it', [3, 99], 0.5, 50],
    ['on an edge: the bucket below', [100], 1, 100],
    ['just above the edge (100 to 250)', [101], 1, 250],
    ['half in each of two buckets', [50, 50, 200, 200], 0.5, 100],
    ['P95 of 100', [...new Array(90).fill(50), ...new Array(10).fill(7000)], 0.95, 6750],
    ['beyond the last edge', [900_000], 0.99, 300_000]
  ]
  for (const [what, latencies, q, expected] of table) {
    t.equal(latencyQuantile(rowOf(latencies.map(latencyColumn)), q), expected, what)
  }
})

t.test('the time to the first text has buckets of its own', async (t) => {
  const row = rowOf([firstTokenColumn(40), firstTokenColumn(45), latencyColumn(9000)])
  t.equal(firstTokenQuantile(row, 0.5), 25)
  t.equal(latencyQuantile(row, 1), 10_000)
})

t.test('a percentile lies in the bucket of the value that it estimates', async (t) => {
  const latency = fc.integer({ min: 1, max: 299_999 })
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (latencies, q) => {
      const estimate = latencyQuantile(rowOf(latencies.map(latencyColumn)), q) ?? -1
      const sorted = latencies.toSorted((a, b) => a - b)
      const real = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
      // An estimate at the lower end of its bucket has the column of the one below.
      return Math.abs(latencyColumn(estimate) - latencyColumn(real)) <= 1
    })
  )
  t.pass('for any latencies')
})
