import t from 'tap'
import { validate, version } from 'uuid'
import { newId } from '../src/new-id.ts'

t.test('ids are UUIDv7 of their time, and all different', async (t) => {
  const at = Date.UTC(2026, 10, 22, 9, 0, 0, 123)
  const ids = new Set<string>()
  for (let index = 0; index < 5000; index++) {
    const id = newId(at)
    if (!validate(id) || version(id) !== 7) t.fail(`${id} is no UUIDv7`)
    if (Number.parseInt(id.replace('-', '').slice(0, 12), 16) !== at) t.fail(`${id} has another time`)
    ids.add(id)
  }
  t.equal(ids.size, 5000)
})
