import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../../helpers/build-test-app.ts'
import { operatorOf } from '../../helpers/operator.ts'
import type { TestScope } from '../../helpers/test-scope.ts'

const sessionId = '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'

/** An api that may not reach any runtime, with one organisation. */
async function build(t: TestScope, environment: Record<string, string>) {
  const test = await buildTestApp(t, { RUNTIME_SERVICE_URL: 'http://127.0.0.1:1', ...environment })
  const acme = await test.createOrganization('acme')
  const operator = operatorOf(test.app)
  const explain = (orgId = 'acme', id = sessionId) => operator.get(`/explain?orgId=${orgId}&sessionId=${id}`)
  return { acme, operator, explain }
}

type Rule = { rule: string; applies: boolean; decides: boolean; inputs: object }
const lookOf = (data: { rules: Rule[] }, rule: string) => data.rules.find((look) => look.rule === rule)

t.test('each rule of the configuration decides when it is the first that applies', async (t) => {
  const table: [rule: string, mode: string, environment: Record<string, string>, inputs: object][] = [
    [
      'org_disabled',
      'direct_llm',
      { CHAT_RUNTIME_DISABLED_ORGS: 'acme', CHAT_RUNTIME_ENABLED_ORGS: 'acme' },
      { CHAT_RUNTIME_DISABLED_ORGS: ['acme'] }
    ],
    [
      'not_admitted',
      'direct_llm',
      { CHAT_RUNTIME_ENABLED_ORGS: 'other' },
      { CHAT_EXECUTION_MODE: 'direct_llm', CHAT_RUNTIME_ENABLED_ORGS: ['other'] }
    ],
    [
      'percent',
      'direct_llm',
      { CHAT_RUNTIME_ENABLED_ORGS: 'acme', CHAT_RUNTIME_PERCENT: '0' },
      { CHAT_RUNTIME_PERCENT: 0, placeOfSession: Number }
    ]
  ]
  for (const [rule, mode, environment, inputs] of table) {
    const { acme, explain } = await build(t, environment)
    const data = await explain()
    t.match(data, { orgId: acme.id, orgSlug: 'acme', sessionId, mode, rule, fallback: false }, rule)
    t.match(lookOf(data, rule), { applies: true, decides: true, inputs }, rule)
    t.same(await explain(acme.id), data, 'by id as by slug')
    t.same(await explain('acme', sessionId.toUpperCase()), data, 'in capitals as without')
  }
})

t.test('what the breaker and the operator decide stands before the configuration', async (t) => {
  const { operator, explain } = await build(t, { CHAT_EXECUTION_MODE: 'runtime_orchestrator' })

  const open = await waitFor(
    async () => {
      const data = await explain()
      return data.rule === 'open' && data
    },
    { what: 'the health checks to find the runtime gone', timeoutMs: 15_000 }
  )
  t.match(open, { mode: 'direct_llm', fallback: true })
  t.match(lookOf(open, 'open')?.inputs, { state: 'open', fallbackReason: /健康检查未通过|无法连接/ })

  await operator.post('/fallback/force', { mode: 'closed', reason: 'to begin with' })
  const closed = await explain()
  t.match(closed, { mode: 'runtime_orchestrator', rule: 'execution_mode', fallback: false })
  t.match(lookOf(closed, 'execution_mode')?.inputs, { CHAT_EXECUTION_MODE: 'runtime_orchestrator' })
  t.match(lookOf(closed, 'forced_open'), { applies: false, inputs: { forced: 'closed' } })

  await operator.post('/fallback/force', { mode: 'open', reason: 'drill' })
  const forced = await explain()
  t.match(forced, { mode: 'direct_llm', rule: 'forced_open', fallback: true })
  t.match(lookOf(forced, 'forced_open')?.inputs, { forced: 'open', actor: 'admin-1' })
  t.match(lookOf(forced, 'execution_mode'), { applies: true, decides: false }, 'what would follow is shown')

  await operator.post('/fallback/force', { mode: 'auto' })
  const trial = await explain()
  t.match(trial, { mode: 'direct_llm', rule: 'half_open', fallback: true })
  t.match(lookOf(trial, 'half_open')?.inputs, { state: 'half_open', trials: { needed: Number } })
})

t.test('an organisation enabled by name', async (t) => {
  const { operator, explain } = await build(t, { CHAT_RUNTIME_ENABLED_ORGS: 'acme' })
  await operator.post('/fallback/force', { mode: 'closed', reason: 'to begin with' })
  const data = await explain()
  t.match(data, { mode: 'runtime_orchestrator', rule: 'org_enabled' })
  t.match(lookOf(data, 'execution_mode'), { applies: false })
  t.same(await explain(), data, 'asking changes nothing')

  for (const [query, status] of [
    [`orgId=nobody&sessionId=${sessionId}`, 404],
    ['orgId=acme&sessionId=x', 400],
    ['orgId=acme', 400],
    [`sessionId=${sessionId}`, 400]
  ] as const) {
    t.equal((await operator.call('GET', `/explain?${query}`)).status, status, query)
  }
})
