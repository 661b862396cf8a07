import t from 'tap'
import { createCapacity } from '../../src/plugins/capacity.ts'

function create(limit: number) {
  let time = 0
  const metrics = { setInFlight: () => {}, setInFlightLimit: () => {}, setQueueLength: () => {} }
  const capacity = createCapacity({ limit, metrics, draining: () => false, now: () => time })
  return { capacity, pass: (milliseconds: number) => (time += milliseconds) }
}

function fill(capacity: { take(orgId: string): () => void }, orgId: string): (() => void)[] {
  const taken: (() => void)[] = []
  try {
    for (;;) taken.push(capacity.take(orgId))
  } catch {
    return taken
  }
}

t.test('an organisation that is alone may take every place', async (t) => {
  t.equal(fill(create(50).capacity, 'a').length, 50)
})

t.test('an organisation leaves room while others are about', async (t) => {
  const { capacity, pass } = create(50)
  capacity.take('b')()
  const taken = fill(capacity, 'a')
  t.equal(taken.length, 40)
  t.throws(() => capacity.take('a'), { code: 'RUNTIME_OVERLOADED', message: /its share/ })
  t.equal(fill(capacity, 'b').length, 10, 'the others get the rest')
  pass(61_000)
  t.throws(() => capacity.take('a'), { code: 'RUNTIME_OVERLOADED' }, 'they are still running')
})

t.test('the share ends when the others have been away for a minute', async (t) => {
  const { capacity, pass } = create(50)
  capacity.take('b')()
  t.equal(fill(capacity, 'a').length, 40)
  pass(60_000)
  t.equal(fill(capacity, 'a').length, 10)
})

t.test('with a single place everybody may have it', async (t) => {
  const { capacity } = create(1)
  capacity.take('b')()
  t.equal(fill(capacity, 'a').length, 1)
})
