import { testRedisUrl, waitFor } from '@semibot/stack/test'
import fc from 'fast-check'
import t from 'tap'
import { all, flushes, type Replica, startReplica, startThree } from './helpers/replicas.ts'
import { ONLY } from './helpers/simulation.ts'

t.test('W9: replicas that share a Redis', async (t) => {
  t.jobs = 4
  t.setTimeout(120_000)
  const url = testRedisUrl(t)

  t.test(
    'a majority that cannot reach the runtime opens it for all, and one replica has decided',
    { buffered: true },
    async (t) => {
      const { replicas } = await startThree(t, url)
      const [a, b, c] = replicas
      await Promise.all([a.fails(5), b.fails(5)])
      t.match(a.breaker.status(), { state: 'open', scope: 'replica', reason: 'unavailable' }, 'itself at once')
      const tookMs = await all(replicas, 'open')
      t.comment(`verdict on the last of three replicas after ${tookMs.toFixed(1)} ms`)
      t.ok(tookMs < 1000)
      t.match(c.breaker.status(), {
        scope: 'cluster',
        fallbackReason: '无法连接 (副本: 2/3)',
        degraded: false,
        replicas: 3
      })
      const cluster = replicas.map(({ transitions }) => transitions.filter(({ scope }) => scope === 'cluster'))
      t.same(
        cluster.map((told) => told.map(({ to }) => to)),
        [['open'], ['open'], ['open']]
      )
      t.equal(cluster.flat().filter(({ decidedHere }) => decidedHere).length, 1)
      t.match(
        cluster.flat().find(({ decidedHere }) => decidedHere),
        { evidence: { votes: 2, live: 3 } }
      )
    }
  )

  t.test('without notices the next look tells it', { buffered: true }, async (t) => {
    const { replicas } = await startThree(t, url, { withoutNotices: true })
    await Promise.all([replicas[0].fails(5), replicas[1].fails(5)])
    const tookMs = await all(replicas, 'open')
    t.comment(`verdict on the last replica without notices after ${tookMs.toFixed(1)} ms`)
    t.ok(tookMs < 1500)
  })

  t.test('a minority opens only itself, and comes back by itself', { buffered: true }, async (t) => {
    const { admin, pool, replicas } = await startThree(t, url)
    const [a, b, c] = replicas
    await a.fails(5)
    t.match(a.breaker.status(), { state: 'open', scope: 'replica', fallbackReason: '无法连接' })
    await flushes(admin, pool, 6)
    t.equal(a.breaker.status().state, 'open')
    for (const { breaker, transitions } of [b, c]) {
      t.match(breaker.status(), { state: 'closed', fallback: false })
      t.strictSame(transitions, [])
    }
    a.breaker.reportHealth(ONLY, false)
    a.breaker.reportHealth(ONLY, true)
    t.match(a.breaker.status(), { state: 'closed', fallback: false })
    t.match(a.transitions, [
      { to: 'open', scope: 'replica', reason: 'unavailable', fallback: true },
      { to: 'closed', scope: 'replica', reason: 'recovered', fallback: false }
    ])
  })

  t.test('without health checks a minority tries again when its time is over', { buffered: true }, async (t) => {
    const { replicas } = await startThree(t, url)
    const [a] = replicas
    await a.fails(5)
    t.match(a.breaker.status(), { state: 'open', scope: 'replica' })
    t.ok((await all(replicas, 'closed', 10_000)) > 3000)
    await a.fails(1)
    t.match(a.breaker.status(), { state: 'open', scope: 'replica' }, 'where one failure is enough')
  })

  t.test('evidence too thin on each replica trips together', { buffered: true }, async (t) => {
    const { replicas } = await startThree(t, url)
    for (const replica of replicas) {
      await replica.succeeds(1)
      await replica.fails(4)
    }
    await all(replicas, 'open')
    const decided = replicas.flatMap(({ transitions }) => transitions).find(({ decidedHere }) => decidedHere)
    t.match(decided, { reason: 'error_rate', scope: 'cluster' })
    t.ok((decided?.evidence.samples ?? 0) >= 10)
    t.match(replicas[2].breaker.status(), { fallbackReason: /^错误率过高: \d\d\.\d\d% \(阈值: 50\.00%\)$/ })
  })

  t.test('a reset by one closes all at once and sticks', { buffered: true }, async (t) => {
    const { admin, pool, replicas } = await startThree(t, url)
    const [a, b] = replicas
    await Promise.all([a.fails(5), b.fails(5)])
    await all(replicas, 'open')
    t.match(await replicas[2].breaker.reset('operator:1'), {
      state: 'closed',
      fallbackReason: '',
      window: { samples: 0 }
    })
    await all(replicas, 'closed')
    await flushes(admin, pool, 8)
    for (const { breaker } of replicas) t.match(breaker.status(), { state: 'closed', window: { samples: 0 } })
    t.match(a.transitions.at(-1), { reason: 'reset', decidedHere: false, fallback: false })
    await Promise.all([a.fails(5), b.fails(5)])
    await all(replicas, 'open')
    t.pass('new evidence opens it again')
  })

  t.test('force holds on all, with who and why, and a newcomer knows it at once', { buffered: true }, async (t) => {
    const { pool, replicas } = await startThree(t, url)
    await replicas[0].breaker.force({ mode: 'open', reason: '维护', actor: 'operator:1', expiresInSeconds: 600 })
    await all(replicas, 'open')
    const newcomer = await startReplica(t, url, { pool })
    for (const { breaker } of [...replicas, newcomer]) {
      t.match(breaker.status(), { state: 'open', fallbackReason: '手动强制: 维护', forced: { actor: 'operator:1' } })
      const leftMs = (breaker.status().forced?.expiresAt ?? 0) - Date.now()
      t.ok(leftMs > 580_000 && leftMs <= 600_500, `${leftMs} ms left`)
    }
    await newcomer.breaker.force({ mode: 'auto', reason: '', actor: 'operator:2' })
    await all([...replicas, newcomer], 'half_open')
  })

  t.test('comes back for all together, with five probes a lease in total', { buffered: true }, async (t) => {
    const { replicas } = await startThree(t, url)
    for (const replica of replicas) replica.runtimeWorks = false
    await Promise.all(replicas.map((replica) => replica.fails(5)))
    await all(replicas, 'open')
    for (const replica of replicas) {
      replica.breaker.reportHealth(ONLY, false)
      replica.runtimeWorks = true
      replica.breaker.reportHealth(ONLY, true)
    }
    const tookMs = await all(replicas, 'closed', 15_000)
    t.comment(`closed on all after ${tookMs.toFixed(0)} ms`)
    const starts = replicas.flatMap(({ probes }) => probes).sort((a, b) => a - b)
    t.equal(starts.length, 10)
    t.ok((starts[5] ?? 0) - (starts[0] ?? 0) > 900, 'the sixth waits for the next lease')
    for (const { breaker } of replicas) t.equal(breaker.status().rampShare, 0.1)
  })

  t.test('a replica that leaves has no voice any more', { buffered: true }, async (t) => {
    const { admin, pool, replicas } = await startThree(t, url)
    await replicas[2].close()
    t.notOk(replicas[2].name in (await admin.hgetall(`semibot:fb:{${pool}}:r`)))
    await replicas[0].fails(5)
    await flushes(admin, pool, 3)
    t.equal(replicas[1].breaker.status().state, 'closed', 'one of two is no majority')
    await replicas[1].fails(5)
    await all([replicas[0], replicas[1]], 'open')
  })

  t.test('every change is in the audit stream, with its figures', { buffered: true }, async (t) => {
    const { admin, pool, replicas } = await startThree(t, url)
    await Promise.all([replicas[0].fails(5), replicas[1].fails(5)])
    await all(replicas, 'open')
    await replicas[1].breaker.reset('operator:1')
    const log = await admin.xrange(`semibot:fb:{${pool}}:log`, '-', '+')
    const entries = log.map(([, fields]) => {
      const pairs = Array.from({ length: fields.length / 2 }, (_, index) => fields.slice(2 * index, 2 * index + 2))
      return Object.fromEntries(pairs) as Record<string, string>
    })
    t.match(entries, [
      { from: 'closed', to: 'open', rule: 'unavailable', actor: 'automatic', epoch: '1', value: '2', threshold: '3' },
      { from: 'open', to: 'closed', rule: 'reset', actor: 'operator:1', epoch: '2', replica: replicas[1].name }
    ])
    t.match(JSON.parse(entries[0]?.evidence ?? '{}'), { votes: 2, live: 3 })
  })

  t.test('I8: whatever happened, two looks later all agree', { buffered: true }, async (t) => {
    const { admin, pool, replicas } = await startThree(t, url)
    type Act = (by: Replica) => Promise<unknown>
    const acts: Record<string, Act> = {
      fails: (by) => by.fails(5),
      'fails softly': (by) => by.failsSoftly(12),
      succeeds: (by) => by.succeeds(20),
      reset: (by) => by.breaker.reset('operator'),
      'force open': (by) => by.breaker.force({ mode: 'open', reason: '', actor: by.name, expiresInSeconds: 1 }),
      'force closed': (by) => by.breaker.force({ mode: 'closed', reason: '', actor: by.name, expiresInSeconds: 1 }),
      wipe: () => admin.del(`semibot:fb:{${pool}}:v`, `semibot:fb:{${pool}}:w`, `semibot:fb:{${pool}}:r`)
    }
    const act = fc.record({ what: fc.constantFrom(...Object.keys(acts)), by: fc.nat(2) })
    const rounds = fc.sample(fc.array(act, { minLength: 2, maxLength: 6 }), 8)
    for (const round of rounds) {
      await Promise.all(round.map(({ what, by }) => acts[what]?.(replicas[by] as Replica)))
      await flushes(admin, pool, 2)
      const views = () =>
        replicas.map(({ breaker }) => {
          const { epoch, scope, state } = breaker.status()
          return `${epoch} ${scope === 'replica' ? 'closed' : state}`
        })
      const agree = () => new Set(views()).size === 1
      // A change of its own accord may just be on its way.
      await waitFor(agree, { what: `agreement after ${JSON.stringify(round)}`, timeoutMs: 1000 }).catch(() => {})
      t.ok(agree(), `${views().join(', ')} after ${round.map(({ what, by }) => `${what} by ${by}`).join(', ')}`)
    }
  })

  t.test('four calls a second, none of them on the path of a call', { buffered: true }, async (t) => {
    const { admin, pool, replicas } = await startThree(t, url)
    const attempts = async () => Number((await admin.hget(`semibot:fb:{${pool}}:r`, replicas[0].name))?.split(',')[0])
    const [start, before] = [performance.now(), await attempts()]
    for (let look = 0; look < 8; look++) {
      await replicas[0].succeeds(70)
      await replicas[0].failsSoftly(30)
      await flushes(admin, pool, 1)
    }
    const perSecond = ((await attempts()) - before) / ((performance.now() - start) / 1000)
    t.ok(perSecond < 5, `${perSecond.toFixed(1)} a second with 800 calls between them, a third of them failing`)
    await flushes(admin, pool, 1)
    t.match(replicas[1].breaker.status().window, { samples: 800, errors: 240 }, 'and all see the evidence')
  })
})
