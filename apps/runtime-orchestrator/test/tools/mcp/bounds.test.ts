import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { backoffMs } from '../../../src/tools/mcp/backoff.ts'
import { cleanText, hiddenError, hideSecrets } from '../../../src/tools/mcp/clean-text.ts'
import { createFloodGate } from '../../../src/tools/mcp/flood-gate.ts'
import { createLineReader, type LongLine } from '../../../src/tools/mcp/line-reader.ts'

t.test('lines come out whole, however the bytes were cut', async (t) => {
  const property = () =>
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary', maxLength: 30 }).map((line) => line.replace(/[\r\n]/g, ''))),
        fc.array(fc.integer({ min: 1, max: 7 })),
        (lines, sizes) => {
          const read: string[] = []
          const push = createLineReader({
            maxBytes: 1_000,
            onLine: (line) => read.push(line.toString()),
            onLongLine: () => undefined
          })
          let bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
          for (let cut = 0; bytes.length > 0; cut++) {
            const size = sizes[cut % Math.max(1, sizes.length)] ?? 3
            push(bytes.subarray(0, size))
            bytes = bytes.subarray(size)
          }
          return JSON.stringify(read) === JSON.stringify(lines.map((line) => Buffer.from(line).toString()))
        }
      )
    )
  t.doesNotThrow(property)
})

t.test('a long line is told by its edges, and the next line is read again', async (t) => {
  for (const size of [1, 5, 1_000, 100_000]) {
    const read: string[] = []
    const long: LongLine[] = []
    const push = createLineReader({
      maxBytes: 2_000,
      onLine: (line) => read.push(line.toString()),
      onLongLine: (line) => long.push(line)
    })
    const bytes = Buffer.from(`before\n${'a'.repeat(600)}${'m'.repeat(10_000)}${'z'.repeat(600)}\r\nafter\n`)
    for (let from = 0; from < bytes.length; from += size) push(bytes.subarray(from, from + size))
    t.same(read, ['before', 'after'])
    t.equal(long.length, 1)
    t.match(long[0], { bytes: 11_201, head: /^a{512}$/, tail: /^z{511}\r$/ })
  }
})

t.test('a line that comes byte by byte takes little more memory than its bytes', (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const kept = () => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const push = createLineReader({ maxBytes: 1_000_000, onLine: () => undefined, onLongLine: () => undefined })
  const before = kept()
  for (let byte = 0; byte < 600_000; byte++) push(Buffer.from([0x61]))
  const grown = (kept() - before) / 2 ** 20
  t.ok(grown < 24, `${grown.toFixed(1)} MiB for 0.6`)
  push(Buffer.from('\n'))
  t.end()
})

t.test('a flood is what is more than a window may have', async (t) => {
  let now = 0
  const admit = createFloodGate({ windowMs: 100, messages: 3, bytes: 10 }, () => now)
  t.same([1, 1, 1, 1].map(admit), [true, true, true, false])
  now = 99
  t.equal(admit(1), false)
  now = 100
  t.same([10, 1].map(admit), [true, false])
})

t.test('the wait before a try grows to a bound, and is random', async (t) => {
  const limits = { firstMs: 500, maxMs: 60_000 }
  t.same(
    [0, 1, 2, 3, 7, 8, 1_000].map((failures) => backoffMs(limits, failures, () => 1)),
    [500, 1_000, 2_000, 4_000, 60_000, 60_000, 60_000]
  )
  t.equal(
    backoffMs(limits, 3, () => 0.25),
    1_000
  )
})

t.test('foreign text is well formed, visible, and no longer than it may be', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (text, length) => {
      const cleaned = cleanText(text, length)
      return cleaned.length <= length && cleaned.isWellFormed() && !/[^\P{C}\n\t]/u.test(cleaned)
    })
  )
  t.equal(cleanText('a\u200bb\u0007\n\tc\u{e0041}', 50), 'ab\n\tc')
})

t.test('secrets are hidden, also in errors', async (t) => {
  t.equal(hideSecrets('tok-1 and tok-1-longer', ['tok-1-longer', 'tok-1']), '*** and ***')
  const error = hiddenError(new TypeError('bad header tok-1', { cause: new Error('tok-1') }), ['tok-1'])
  t.match(error, { name: 'TypeError', message: 'bad header ***', cause: undefined })
  t.notMatch(error.stack, 'tok-1')
})
