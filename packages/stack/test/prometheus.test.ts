import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { alertmanagerConfig, observeStack, scrapeJobs } from '../src/prometheus/observe-stack.ts'
import { findAmtool, findPromtool } from '../src/prometheus/programs.ts'
import { createPrometheusClient } from '../src/prometheus/prometheus-client.ts'
import { startAlertmanager } from '../src/prometheus/start-alertmanager.ts'
import { prometheusConfig, startPrometheus } from '../src/prometheus/start-prometheus.ts'
import { missingPrometheus, waitFor } from '../src/test.ts'

const skip = missingPrometheus()

t.setTimeout(110_000)

t.test('a stack is scraped with its token, its rules are evaluated, its alerts arrive', { skip }, async (t) => {
  const server = createServer((request, response) => {
    if (request.headers.authorization !== 'Bearer scrape-me') response.statusCode = 401
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end('chat_runtime_fallback_enabled 1\nodd_ratio NaN\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const urls = { api: [url], runtime: [], database: '' }
  const seen = await observeStack({ urls, env: { METRICS_TOKEN: 'scrape-me' } }, { dir: t.testdir(), env: 'drill' })
  if (seen === undefined) throw new Error('Prometheus or Alertmanager cannot be had')
  t.teardown(seen.stop)
  const { prometheus, alertmanager } = seen
  await waitFor(async () => (await alertmanager.alerts()).length > 0, { what: 'an alert', timeoutMs: 60_000 })
  t.match(await alertmanager.alerts(), [
    { name: 'AutoFallbackTriggered', state: /active|unprocessed/, labels: { severity: 'warning', env: 'drill' } }
  ])
  t.match(
    (await prometheus.alerts()).find(({ name }) => name === 'AutoFallbackTriggered'),
    { state: 'firing', labels: { job: 'api' }, annotations: { summary: 'Runtime 自动回退已触发' } }
  )
  t.strictSame(await prometheus.targets(), [{ job: 'api', instance: new URL(url).host, health: 'up', lastError: '' }])
  t.match(await prometheus.query('up'), [{ labels: { job: 'api' }, value: 1 }])
  t.match(await prometheus.query('odd_ratio'), [{ value: Number.NaN }])
  t.strictSame(await prometheus.query('1 / 0'), [{ labels: {}, value: Number.POSITIVE_INFINITY }])
  t.strictSame(await prometheus.query('nothing'), [])
  const range = { startMs: Date.now() - 5000, endMs: Date.now(), stepMs: 500 }
  const [series] = await prometheus.queryRange('up', range)
  t.ok((series?.points.length ?? 0) > 1)
  t.match(series?.points.at(-1), [Number, 1])
  await t.rejects(prometheus.query('sum('), { message: /^Prometheus refused sum\(: / })
  await seen.stop()
  await t.rejects(createPrometheusClient(prometheus.url).query('up'))
})

t.test('what is wrong with a rule file is said', { skip }, async (t) => {
  const dir = t.testdir({ 'rules.yml': 'groups: [{ name: a, rules: [{ record: b, expr: "sum(" }] }]' })
  const start = startPrometheus({ dir, jobs: [], ruleFiles: [join(dir, 'rules.yml')] })
  await t.rejects(start, { name: 'ProcessStartError', message: /prometheus did not start[\s\S]*rules\.yml/ })
})

t.test('the tools of both are there', { skip }, async (t) => {
  t.type(await findPromtool(), 'string')
  t.type(await findAmtool(), 'string')
})

t.test('without the programs nothing is started, and there is no error', async (t) => {
  const dir = t.testdir()
  const nowhere = { path: '/nonexistent', debianPackage: '' }
  t.equal(await startPrometheus({ dir, jobs: [], ...nowhere }), undefined)
  t.equal(await startAlertmanager({ dir, configFile: join(dir, 'none.yml'), ...nowhere }), undefined)
})

t.test('the configuration is what the operations files say, in milliseconds', async (t) => {
  const jobs = scrapeJobs({
    urls: { api: ['http://127.0.0.1:3001'], runtime: ['http://[::1]:8000'], database: '' },
    env: {}
  })
  const config = JSON.parse(prometheusConfig({ dir: '/', jobs, alertmanagerUrl: 'http://127.0.0.1:9093' }))
  t.match(config, {
    global: { scrape_interval: '15000ms', scrape_timeout: '10000ms', evaluation_interval: '15000ms' },
    alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:9093'] }] }] },
    scrape_configs: [
      { job_name: 'api', metrics_path: '/metrics', static_configs: [{ targets: ['127.0.0.1:3001'] }] },
      { job_name: 'runtime-service', static_configs: [{ targets: ['[::1]:8000'] }] }
    ]
  })
  t.notOk('authorization' in config.scrape_configs[0])
  t.notOk('external_labels' in config.global)
})

t.test('Alertmanager is told by the environment, and what is wrong with it is said', async (t) => {
  t.match(
    await alertmanagerConfig({ ALERT_WEBHOOK_URL: 'http://a/ https://b/' }),
    /url: 'http:\/\/a\/'[\s\S]*'https:\/\/b\/'/
  )
  await t.rejects(alertmanagerConfig({ ALERT_WEBHOOK_URL: 'a.example' }), {
    message: 'configure.sh: ALERT_WEBHOOK_URL must hold http:// or https:// addresses'
  })
})
