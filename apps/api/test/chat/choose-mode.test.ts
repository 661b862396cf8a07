import fc from 'fast-check'
import t from 'tap'
import {
  type CutoverRules,
  chooseMode,
  type FallbackView,
  type ModeRule,
  mayUseRuntime
} from '../../src/chat/choose-mode.ts'

const ORG = '0192a0de-0000-7000-8000-000000000001'
const question = { orgId: ORG, orgSlug: 'acme', sessionId: '0192a0de-0000-7000-8000-00000000000a' }
const free: FallbackView = { refusal: null }
const refused = (rule: NonNullable<FallbackView['refusal']>['rule']): FallbackView => ({ refusal: { rule } })

function rules(changes: {
  mode?: CutoverRules['executionMode']
  enabled?: string[]
  disabled?: string[]
  percent?: number
}) {
  return {
    executionMode: changes.mode ?? ('direct_llm' as const),
    enabledOrgs: new Set(changes.enabled ?? []),
    disabledOrgs: new Set(changes.disabled ?? []),
    percent: changes.percent ?? 100
  }
}

t.test('the first rule that applies decides', async (t) => {
  const on = rules({ enabled: ['acme'] })
  const rows: [string, CutoverRules, FallbackView, ModeRule, boolean, boolean?][] = [
    ['nothing set', rules({}), free, 'not_admitted', false],
    ['enabled by slug', on, free, 'org_enabled', true],
    ['enabled by id', rules({ enabled: [ORG] }), free, 'org_enabled', true],
    ['another organisation is enabled', rules({ enabled: ['other'] }), free, 'not_admitted', false],
    ['mode for everybody', rules({ mode: 'runtime_orchestrator' }), free, 'execution_mode', true],
    ['deny wins over allow', rules({ enabled: ['acme'], disabled: ['acme'] }), free, 'org_disabled', false],
    ['deny wins over the mode', rules({ mode: 'runtime_orchestrator', disabled: [ORG] }), free, 'org_disabled', false],
    ['the breaker is open', on, refused('open'), 'open', false, true],
    ['only trials are let through', on, refused('half_open'), 'half_open', false, true],
    ['the runtime comes back slowly', on, refused('ramp'), 'ramp', false, true],
    ['an operator forced the fallback', on, refused('forced_open'), 'forced_open', false, true],
    [
      'forced, but the organisation is denied anyway',
      rules({ disabled: ['acme'] }),
      refused('forced_open'),
      'forced_open',
      false
    ],
    [
      'open, but the organisation is denied anyway',
      rules({ enabled: ['acme'], disabled: ['acme'] }),
      refused('open'),
      'org_disabled',
      false
    ],
    ['open, but the organisation is not admitted: no fallback', rules({}), refused('open'), 'open', false, false],
    ['no session is in 0 %', rules({ enabled: ['acme'], percent: 0 }), free, 'percent', false]
  ]
  for (const [name, rule, view, expected, runtime, fallback = false] of rows) {
    const mode = runtime ? 'runtime_orchestrator' : 'direct_llm'
    t.same(chooseMode(rule, view, question), { mode, rule: expected, fallback }, name)
  }
})

t.test('the two lines of the runbook that disable the runtime send nobody to it', async (t) => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), fc.double({ min: 0, max: 100, noNaN: true }), (orgId, sessionId, percent) => {
      const choice = chooseMode(rules({ percent }), free, { orgId, orgSlug: 'any', sessionId })
      return choice.mode === 'direct_llm' && !choice.fallback
    })
  )
  t.notOk(mayUseRuntime(rules({})), 'and nothing is asked of it')
})

t.test('knows whether any chat may reach the runtime', async (t) => {
  t.ok(mayUseRuntime(rules({ enabled: ['acme'] })))
  t.ok(mayUseRuntime(rules({ mode: 'runtime_orchestrator' })))
  t.notOk(mayUseRuntime(rules({ enabled: ['acme'], disabled: ['acme'] })))
  t.notOk(mayUseRuntime(rules({ mode: 'runtime_orchestrator', percent: 0 })))
})

t.test('a growing percentage only ever adds sessions', async (t) => {
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 0, max: 100 }),
      (sessionId, one, two) => {
        const [low, high] = one < two ? [one, two] : [two, one]
        const mode = (percent: number) =>
          chooseMode(rules({ enabled: ['acme'], percent }), free, { ...question, sessionId }).mode
        return mode(low) === 'direct_llm' || mode(high) === 'runtime_orchestrator'
      }
    )
  )
  let admitted = 0
  for (let index = 0; index < 10_000; index++) {
    const sessionId = `0192a0de-0000-7000-8000-${String(index * 7919).padStart(12, '0')}`
    if (chooseMode(rules({ enabled: ['acme'], percent: 25 }), free, { ...question, sessionId }).mode !== 'direct_llm')
      admitted++
  }
  t.ok(Math.abs(admitted - 2500) < 250, `25 % of 10,000 sessions are about 2,500 (${admitted})`)
})
