import fc from 'fast-check'
import t from 'tap'
import { type CutoverRules, chooseMode, type FallbackView, type ModeRule } from '../../src/chat/choose-mode.ts'

const ORG = '0192a0de-0000-7000-8000-000000000001'
const question = { orgId: ORG, orgSlug: 'acme', sessionId: '0192a0de-0000-7000-8000-00000000000a' }
const closed: FallbackView = { open: false, forced: null }

function rules(changes: {
  mode?: CutoverRules['executionMode']
  enabled?: string[]
  disabled?: string[]
  percent?: number
}) {
  return {
    executionMode: changes.mode ?? 'direct_llm',
    enabledOrgs: new Set(changes.enabled ?? []),
    disabledOrgs: new Set(changes.disabled ?? []),
    percent: changes.percent ?? 100
  }
}

t.test('the first rule that applies decides', async (t) => {
  const rows: [string, CutoverRules, FallbackView, ModeRule, string][] = [
    ['nothing set', rules({}), closed, 'not_admitted', 'direct_llm'],
    ['enabled by slug', rules({ enabled: ['acme'] }), closed, 'org_enabled', 'runtime_orchestrator'],
    ['enabled by id', rules({ enabled: [ORG] }), closed, 'org_enabled', 'runtime_orchestrator'],
    ['another org is enabled', rules({ enabled: ['other'] }), closed, 'not_admitted', 'direct_llm'],
    ['mode for everybody', rules({ mode: 'runtime_orchestrator' }), closed, 'execution_mode', 'runtime_orchestrator'],
    ['deny wins over allow', rules({ enabled: ['acme'], disabled: ['acme'] }), closed, 'org_disabled', 'direct_llm'],
    [
      'deny wins over the mode',
      rules({ mode: 'runtime_orchestrator', disabled: [ORG] }),
      closed,
      'org_disabled',
      'direct_llm'
    ],
    ['fallback is active', rules({ enabled: ['acme'] }), { open: true, forced: null }, 'fallback_open', 'direct_llm'],
    ['forced open', rules({ enabled: ['acme'] }), { open: false, forced: 'open' }, 'forced_open', 'direct_llm'],
    [
      'forced closed beats evidence',
      rules({ enabled: ['acme'] }),
      { open: true, forced: 'closed' },
      'org_enabled',
      'runtime_orchestrator'
    ],
    ['forced closed admits nobody', rules({}), { open: true, forced: 'closed' }, 'not_admitted', 'direct_llm'],
    [
      'forced closed does not beat deny',
      rules({ enabled: ['acme'], disabled: ['acme'] }),
      { open: false, forced: 'closed' },
      'org_disabled',
      'direct_llm'
    ],
    ['no session is in 0 %', rules({ enabled: ['acme'], percent: 0 }), closed, 'percent', 'direct_llm']
  ]
  for (const [name, rule, fallback, expected, mode] of rows) {
    t.same(chooseMode(rule, fallback, question), { mode, rule: expected }, name)
  }
})

t.test('the two lines of the runbook that disable the runtime send nobody to it', async (t) => {
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.uuid(),
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.boolean(),
      (orgId, sessionId, percent, open) => {
        const choice = chooseMode(
          rules({ mode: 'direct_llm', enabled: [], percent }),
          { open, forced: 'closed' },
          { orgId, orgSlug: 'any', sessionId }
        )
        return choice.mode === 'direct_llm'
      }
    )
  )
  t.pass('for every organisation, session and percentage')
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
          chooseMode(rules({ enabled: ['acme'], percent }), closed, { ...question, sessionId }).mode
        return mode(low) === 'direct_llm' || mode(high) === 'runtime_orchestrator'
      }
    )
  )
  let admitted = 0
  for (let index = 0; index < 10_000; index++) {
    const sessionId = `0192a0de-0000-7000-8000-${String(index * 7919).padStart(12, '0')}`
    const choice = chooseMode(rules({ enabled: ['acme'], percent: 25 }), closed, { ...question, sessionId })
    if (choice.mode === 'runtime_orchestrator') admitted++
  }
  t.ok(Math.abs(admitted - 2500) < 250, `25 % of 10,000 sessions are about 2,500 (${admitted})`)
})
