import t from 'tap'
import { fetch } from 'undici'
import { healthRoutes, type ReadyReport } from '../src/index.ts'
import { startServer } from './fixtures/harness.ts'

t.test('readiness is withdrawn while starting and without migrations, never for a dependency', async (t) => {
  let report: ReadyReport = { status: 'starting', dependencies: {} }
  let asked = 0
  const { url } = await startServer(t, (app) =>
    app.register(healthRoutes, {
      ready: () => {
        asked++
        return report
      }
    })
  )
  const cases: [ReadyReport, number][] = [
    [{ status: 'starting', dependencies: {} }, 503],
    [{ status: 'migrations_missing', dependencies: { postgres: { state: 'up' } } }, 503],
    [
      {
        status: 'ready',
        dependencies: { postgres: { state: 'down', detail: 'connection refused' }, redis: { state: 'off' } }
      },
      200
    ]
  ]
  for (const [given, status] of cases) {
    report = given
    const answer = await fetch(`${url}/ready`)
    t.strictSame([answer.status, await answer.json()], [status, given])
  }
  t.equal(asked, cases.length)
  const health = await fetch(`${url}/health`)
  t.equal(await health.text(), '{"status":"healthy"}')
  t.match(health.headers.get('content-type'), 'application/json')
  t.equal((await fetch(`${url}/health`, { method: 'HEAD' })).status, 200)
  t.equal(asked, cases.length, 'health asks nobody')
})
