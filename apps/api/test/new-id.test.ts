import fc from 'fast-check'
import t from 'tap'
import { validate, version } from 'uuid'
import { newId } from '../src/new-id.ts'

t.test('any time gives a UUID of version 7 with that time in its first 48 bits', async (t) => {
  let ids = 0
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 48 - 1 }), (msecs) => {
      const id = newId(msecs)
      ids++
      return validate(id) && version(id) === 7 && Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) === msecs
    })
  )
  t.equal(ids, 100)
})

t.test('ids of the same moment differ, also beyond one draw of random bytes', async (t) => {
  const ids = Array.from({ length: 5000 }, () => newId(1_700_000_000_000))
  t.equal(new Set(ids).size, ids.length)
})

t.test('without a time it is now', async (t) => {
  const before = Date.now()
  const time = Number.parseInt(newId().replaceAll('-', '').slice(0, 12), 16)
  t.ok(time >= before && time <= Date.now())
})
