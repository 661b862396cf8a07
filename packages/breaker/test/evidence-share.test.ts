import t from 'tap'
import { createEvidenceShare } from '../src/evidence-share.ts'
import type { Pass } from '../src/index.ts'
import { ExecutionFailure, ONLY, simulate } from './helpers/simulation.ts'

function shareAt(clock: { nowMs: number }) {
  return createEvidenceShare({ minOthers: () => 10, now: () => clock.nowMs })
}

t.test('a tenant alone counts in full', (t) => {
  const share = shareAt({ nowMs: 0 })
  for (let call = 0; call < 1000; call++) t.ok(share.admits('only'))
  t.end()
})

t.test('among others a tenant counts for half at most', (t) => {
  const share = shareAt({ nowMs: 0 })
  for (let call = 0; call < 20; call++) share.admits(`other-${call % 4}`)
  const admitted = Array.from({ length: 500 }, () => share.admits('loud')).filter(Boolean).length
  t.equal(admitted, 20)
  t.ok(share.admits('other-1'), 'the others go on')
  t.ok(share.admits('loud'), 'and make room')
  t.end()
})

t.test('what is two minutes old is forgotten', (t) => {
  const clock = { nowMs: 0 }
  const share = shareAt(clock)
  for (let call = 0; call < 20; call++) share.admits('other')
  for (let call = 0; call < 20; call++) share.admits('loud')
  t.notOk(share.admits('loud'))
  clock.nowMs = 60_000
  t.notOk(share.admits('loud'), 'the minute before still counts')
  clock.nowMs = 180_000
  t.ok(share.admits('loud'))
  t.end()
})

t.test('more tenants than can be told apart share one place', (t) => {
  const share = shareAt({ nowMs: 0 })
  for (let tenant = 0; tenant < 1200; tenant++) t.ok(share.admits(`tenant-${tenant}`))
  t.end()
})

t.test('one tenant whose calls fail does not take the runtime from the others', async (t) => {
  const { breaker, status } = simulate(t)
  const pass = breaker.admit('x') as Pass
  const fail = () => Promise.reject(new ExecutionFailure('RUNTIME_INTERNAL'))
  const call = (tenant: string, run: () => Promise<void>) => breaker.call(pass, ONLY, run, { tenant }).catch(() => {})
  for (let round = 0; round < 60; round++) {
    await call(`quiet-${round % 3}`, async () => {})
    for (let loud = 0; loud < 5; loud++) if (round >= 10) await call('loud', fail)
  }
  t.match(status(), { state: 'closed' })
  t.ok(status().window.errorRate <= 0.5)
  t.ok(status().window.errorRate > 0.4, 'its failures are seen all the same')
})
