import fc from 'fast-check'
import t from 'tap'
import { createOrgConcurrency } from '../../src/limits/org-concurrency.ts'

t.test('an organisation gets its places and no more, without touching the others', async (t) => {
  const concurrency = createOrgConcurrency(2)
  const first = concurrency.acquire('a')
  t.ok(first)
  t.ok(concurrency.acquire('a'))
  t.equal(concurrency.acquire('a'), null)
  t.ok(concurrency.acquire('b'))
  first?.()
  t.ok(concurrency.acquire('a'))
  t.equal(concurrency.acquire('a'), null)
})

t.test('giving a place back twice frees one place', async (t) => {
  const concurrency = createOrgConcurrency(2)
  const release = concurrency.acquire('a')
  concurrency.acquire('a')
  release?.()
  release?.()
  t.ok(concurrency.acquire('a'))
  t.equal(concurrency.acquire('a'), null)
})

t.test('0 means no limit', async (t) => {
  const concurrency = createOrgConcurrency(0)
  for (let count = 0; count < 1000; count++) t.notOk(concurrency.acquire('a') === null)
})

t.test('for any order of calls there are never more than max inside, and a free place is never refused', async (t) => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean()), { maxLength: 200 })
  const property = fc.property(fc.integer({ min: 1, max: 5 }), steps, (max, calls) => {
    const concurrency = createOrgConcurrency(max)
    const held: Record<string, (() => void)[]> = { a: [], b: [], c: [] }
    for (const [org, enters] of calls) {
      const places = held[org] ?? []
      if (!enters) {
        places.pop()?.()
        continue
      }
      const release = concurrency.acquire(org)
      if ((release === null) !== (places.length === max)) return false
      if (release !== null) places.push(release)
    }
    return true
  })
  fc.assert(property)
  t.pass('held')
})
