import type { ShedReason } from '@semibot/metrics'
import { RequestError } from '@semibot/service-kit'
import t from 'tap'
import { createAdmission } from '../../src/limits/admission.ts'

const NEVER = new AbortController().signal

function create(options: { maxInFlight?: number; queueLength?: number; queueTimeoutMs?: number } = {}) {
  const shed: ShedReason[] = []
  const admission = createAdmission({
    maxInFlight: 2,
    queueLength: 3,
    queueTimeoutMs: 2000,
    ...options,
    onShed: (reason) => shed.push(reason)
  })
  return { admission, shed }
}

t.test('a free place is given at once and can be given back once', async (t) => {
  const { admission } = create()
  const first = await admission.acquire(NEVER)
  await admission.acquire(NEVER)
  t.equal(admission.inFlight, 2)
  first()
  first()
  t.equal(admission.inFlight, 1)
})

t.test('those who wait come in in the order of their arrival', async (t) => {
  const { admission } = create({ maxInFlight: 1 })
  const release = await admission.acquire(NEVER)
  const order: number[] = []
  const waiting = [1, 2, 3].map(async (number) => {
    const leave = await admission.acquire(NEVER)
    order.push(number)
    leave()
  })
  t.equal(admission.waiting, 3)
  release()
  await Promise.all(waiting)
  t.same(order, [1, 2, 3])
  t.equal(admission.inFlight, 0)
  t.equal(admission.waiting, 0)
})

t.test('a place that becomes free belongs to the longest waiter, not to a newcomer', async (t) => {
  const { admission } = create({ maxInFlight: 1 })
  const release = await admission.acquire(NEVER)
  const waiter = admission.acquire(NEVER)
  release()
  const newcomer = admission.acquire(NEVER)
  t.equal(admission.inFlight, 1)
  t.equal(admission.waiting, 1)
  ;(await waiter)()
  ;(await newcomer)()
  t.equal(admission.inFlight, 0)
})

t.test('beyond the queue a chat is refused at once, with Retry-After', async (t) => {
  const { admission, shed } = create({ maxInFlight: 1, queueLength: 1 })
  const release = await admission.acquire(NEVER)
  const waiter = admission.acquire(NEVER)
  const error = await admission.acquire(NEVER).catch((thrown: unknown) => thrown)
  t.ok(error instanceof RequestError)
  t.match(error, { code: 'OVERLOADED', statusCode: 503, headers: { 'retry-after': '2' } })
  t.same(shed, ['queue_full'])
  release()
  ;(await waiter)()
})

t.test('who waits too long is refused and leaves the queue', async (t) => {
  const { admission, shed } = create({ maxInFlight: 1, queueTimeoutMs: 5 })
  const release = await admission.acquire(NEVER)
  await t.rejects(admission.acquire(NEVER), { code: 'OVERLOADED' })
  t.same(shed, ['queue_timeout'])
  t.equal(admission.waiting, 0)
  release()
  t.equal(admission.inFlight, 0)
})

t.test('who hangs up while waiting leaves the queue and takes no place', async (t) => {
  const { admission, shed } = create({ maxInFlight: 1 })
  const release = await admission.acquire(NEVER)
  const controller = new AbortController()
  const waiter = admission.acquire(controller.signal)
  const reason = new Error('gone')
  controller.abort(reason)
  t.equal(await waiter.catch((thrown: unknown) => thrown), reason)
  t.equal(admission.waiting, 0)
  release()
  t.equal(admission.inFlight, 0)
  t.same(shed, [])
})

t.test('who has hung up before takes no place', async (t) => {
  const { admission } = create()
  await t.rejects(admission.acquire(AbortSignal.abort(new Error('gone'))), { message: 'gone' })
  t.equal(admission.inFlight, 0)
})
