import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createLogBook, describeFindings, openIncident, parseMetrics, sumOf } from '../src/index.ts'
import { createTestDatabase } from '../src/test.ts'

const METRICS = `# HELP chat_request_total Chat requests.
# TYPE chat_request_total counter
chat_request_total{outcome="success"} 3
chat_request_total{outcome="error"} 1
chat_runtime_fallback_enabled 0
`

const line = (msg: string, level = 'info', time = Date.now()): string => JSON.stringify({ level, time, msg })

async function startMetrics(t: Test) {
  const state = { text: METRICS }
  const server = createServer((_request, response) => void response.end(state.text))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, state }
}

t.test('samples are found by name and by a part of their labels', (t) => {
  const samples = parseMetrics('a{x="1",y="q\\"}"} 2\na{x="1",y="z"} 3e1\nab 5\na{x="2"} 7 1700000000\n')
  t.equal(sumOf([samples], 'a{x="1"}'), 32)
  t.equal(sumOf([samples], 'a'), 39)
  t.equal(sumOf([samples, samples], 'ab'), 10, 'several scrapes are added up')
  t.throws(() => sumOf([samples], 'a{x="3"}'), /no series a\{x="3"\}/, 'a misspelt series is no zero')
  t.end()
})

t.test('a log book counts texts, whatever their duration, and keeps what looks like trouble', (t) => {
  const log = createLogBook()
  log.write(line('done 耗时: 12ms', 'info', 1000))
  log.write(line('done 耗时: 7ms', 'info', 2000))
  log.write(line('broken', 'error', 3000))
  log.write('Segmentation fault')
  t.equal(log.count('done 耗时: 1ms'), 2)
  t.same(log.times(/done|broken/, 1500), [2000, 3000])
  t.equal(log.problems.length, 2)
  t.end()
})

t.test('an incident is seen in all four views, counted from its beginning', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { url, state } = await startMetrics(t)
  const log = createLogBook()
  log.write(line('触发自动回退', 'warn', Date.now() - 60_000))
  const incident = await openIncident({ apis: [url], log, databaseUrl })
  const expectation = (failed: number) => ({
    client: [{ what: 'failed chats', found: failed, expected: 0 }],
    metric: [
      { series: 'chat_request_total{outcome="success"}', increasedBy: { atLeast: 2, atMost: 2 } },
      { series: 'chat_request_total{outcome="error"}', increasedBy: 0 },
      { series: 'chat_runtime_fallback_enabled', is: 1 }
    ],
    log: [{ message: '触发自动回退', times: 1 }],
    database: [
      { what: 'organisations since', query: 'select count(*) from organizations where created_at >= $1', is: 0 }
    ]
  })

  const early = await incident.check(expectation(1), { timeoutMs: 0 })
  t.same(
    early.filter((finding) => !finding.ok).map((finding) => finding.view),
    ['client', 'metric', 'metric', 'log'],
    'what has not happened is not found'
  )
  t.match(describeFindings(early), /^client: failed chats: expected 0, found 1\n.*expected 2 to 2, found 0/)

  const late = incident.check(expectation(0), { timeoutMs: 10_000 })
  state.text = METRICS.replace('"success"} 3', '"success"} 5').replace('enabled 0', 'enabled 1')
  log.write(line('触发自动回退', 'warn'))
  t.equal(describeFindings(await late), '', 'what comes late is waited for')
})

t.test('an incident that is not looked at from every side is refused', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { url } = await startMetrics(t)
  const incident = await openIncident({ apis: [url], log: createLogBook(), databaseUrl })
  const client = [{ what: 'answer', found: 'Hello', expected: /ell/ }]
  await t.rejects(
    incident.check({ client, metric: [], log: [], database: [] }),
    /nothing is said of: metric,log,database/
  )
  const log = [{ message: 'a', times: 0 }]
  const database = [{ what: 'one', query: "select 'x'", is: 'x' }]
  const metric = [{ series: 'chat_requests_total', is: 0 }]
  await t.rejects(
    incident.check({ client, metric, log, database }, { timeoutMs: 0 }),
    'a misspelt series is no finding'
  )
})
