import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  type CutoverRules,
  chooseMode,
  type FallbackView,
  MODE_RULES,
  type ModeRule
} from '../../src/chat/choose-mode.ts'

// The table of docs/chat-runtime-cutover.md, in both languages, held against the function.

const PAGES = ['chat-runtime-cutover.md', 'chat-runtime-cutover.zh-CN.md']
const QUESTION = { orgId: '01a202e9', orgSlug: 'acme', sessionId: '01a202e9-de3a-7444-82af-c62d66e38c64' }
const REFUSALS: ReadonlySet<ModeRule> = new Set(['forced_open', 'open', 'half_open', 'ramp'])

function rowsOf(page: string): { rule: string; mode: string }[] {
  const text = readFileSync(new URL(`../../../../docs/${page}`, import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `(?<rule>\w+)` \| .* \| `(?<mode>direct_llm|runtime_orchestrator)` \|$/gm)]
  return rows.map(({ groups }) => ({ rule: groups?.rule ?? '', mode: groups?.mode ?? '' }))
}

/** A situation in which this rule applies, and every later one that can apply beside it. */
function situation(rule: ModeRule): { rules: CutoverRules; view: FallbackView } {
  const at = MODE_RULES.indexOf(rule)
  const holds = (other: ModeRule) => at <= MODE_RULES.indexOf(other)
  const isAdmitted = !holds('not_admitted')
  return {
    rules: {
      executionMode: isAdmitted ? 'runtime_orchestrator' : 'direct_llm',
      enabledOrgs: new Set(isAdmitted && holds('org_enabled') ? ['acme'] : []),
      disabledOrgs: new Set(holds('org_disabled') ? ['acme'] : []),
      percent: holds('percent') ? 0 : 100
    },
    view: { refusal: REFUSALS.has(rule) ? { rule: rule as 'open' } : rule === 'org_disabled' ? { rule: 'open' } : null }
  }
}

for (const page of PAGES) {
  t.test(`the table of ${page} has the rules in their order, each with its mode`, async (t) => {
    const rows = rowsOf(page)
    t.strictSame(
      rows.map(({ rule }) => rule),
      [...MODE_RULES]
    )
    for (const { rule, mode } of rows) {
      const { rules, view } = situation(rule as ModeRule)
      t.match(chooseMode(rules, view, QUESTION), { rule, mode }, `${rule} decides against all that follow it`)
    }
  })
}
