import type { BreakerStatus } from '@semibot/breaker'
import fc from 'fast-check'
import t from 'tap'
import { type CutoverRules, chooseMode, type FallbackView, MODE_RULES } from '../../src/chat/choose-mode.ts'
import { explainMode } from '../../src/monitoring/explain-mode.ts'

const question = { orgId: 'id-of-acme', orgSlug: 'acme', sessionId: '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b' }
const status = {
  state: 'closed',
  scope: 'cluster',
  forced: null,
  fallbackReason: '',
  trials: { results: 0, failed: 0, needed: 10, permitsOut: 0, permitsHeld: 0 },
  rampShare: 1
} as unknown as BreakerStatus

const orgs = fc.subarray(['id-of-acme', 'acme', 'other']).map((names) => new Set(names))
const rules: fc.Arbitrary<CutoverRules> = fc.record({
  executionMode: fc.constantFrom('direct_llm', 'runtime_orchestrator'),
  enabledOrgs: orgs,
  disabledOrgs: orgs,
  percent: fc.oneof(fc.constantFrom(0, 100), fc.integer({ min: 0, max: 100 }))
})
const view: fc.Arbitrary<FallbackView> = fc.record({
  refusal: fc.option(fc.record({ rule: fc.constantFrom('forced_open', 'open', 'half_open', 'ramp') }))
})

t.test('the first rule that applies is the one that decides, and it is what a chat would get', async (t) => {
  fc.assert(
    fc.property(rules, view, fc.uuid(), (rules, view, sessionId) => {
      const asked = { ...question, sessionId }
      const { rules: looks, ...explained } = explainMode({ rules, view, status, question: asked })
      const first = looks.find(({ applies }) => applies)
      t.same(explained, { ...asked, ...chooseMode(rules, view, asked) })
      t.match(first, { rule: explained.rule, mode: explained.mode, decides: true })
      t.equal(looks.filter(({ decides }) => decides).length, 1)
      t.same(
        looks.map(({ rule }) => rule),
        [...MODE_RULES]
      )
    }),
    { numRuns: 200 }
  )
})
