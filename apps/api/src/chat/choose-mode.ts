import type { ChatMode } from '@semibot/chat-protocol'
import { SESSION_BUCKETS, sessionBucket } from '../session-bucket.ts'

/** Who may use the runtime; from the environment. Organisations are named by id or by slug. */
export interface CutoverRules {
  executionMode: ChatMode
  enabledOrgs: ReadonlySet<string>
  disabledOrgs: ReadonlySet<string>
  /** Share of the admitted sessions that use the runtime, 0..100. */
  percent: number
}

/** Why the breaker or its kill switch keeps this session from the runtime; null when it does not. */
export interface FallbackView {
  refusal: { rule: 'forced_open' | 'open' | 'half_open' | 'ramp' } | null
}

export interface ModeQuestion {
  orgId: string
  orgSlug: string
  sessionId: string
}

/** Every rule, in the order in which they are asked. */
export const MODE_RULES = [
  'forced_open',
  'org_disabled',
  'open',
  'half_open',
  'ramp',
  'not_admitted',
  'percent',
  'org_enabled',
  'execution_mode'
] as const

export type ModeRule = (typeof MODE_RULES)[number]

export interface ModeChoice {
  mode: ChatMode
  /** The rule that decided. */
  rule: ModeRule
  /** The configuration would have chosen the runtime: only the breaker or its kill switch did not. */
  fallback: boolean
}

/**
 * Which mode a chat gets. The first rule that applies decides:
 *
 * | order | rule | applies when | mode |
 * |---|---|---|---|
 * | 1 | `forced_open` | an operator forced the fallback | direct_llm |
 * | 2 | `org_disabled` | CHAT_RUNTIME_DISABLED_ORGS names the organisation | direct_llm |
 * | 3 | `open`, `half_open`, `ramp` | the breaker keeps this session from the runtime | direct_llm |
 * | 4 | `not_admitted` | neither enabled by name nor by CHAT_EXECUTION_MODE | direct_llm |
 * | 5 | `percent` | the session lies outside CHAT_RUNTIME_PERCENT | direct_llm |
 * | 6 | `org_enabled` | CHAT_RUNTIME_ENABLED_ORGS names the organisation | runtime_orchestrator |
 * | 7 | `execution_mode` | CHAT_EXECUTION_MODE is runtime_orchestrator | runtime_orchestrator |
 */
export function chooseMode(rules: CutoverRules, view: FallbackView, question: ModeQuestion): ModeChoice {
  const configured = chooseConfigured(rules, question)
  const fallback = view.refusal !== null && configured.mode === 'runtime_orchestrator'
  if (view.refusal === null || (configured.rule === 'org_disabled' && view.refusal.rule !== 'forced_open')) {
    return { ...configured, fallback: false }
  }
  return { mode: 'direct_llm', rule: view.refusal.rule, fallback }
}

/** What the configuration says, the breaker left aside. */
function chooseConfigured(rules: CutoverRules, question: ModeQuestion): { mode: ChatMode; rule: ModeRule } {
  if (names(rules.disabledOrgs, question)) return { mode: 'direct_llm', rule: 'org_disabled' }
  const enabled = names(rules.enabledOrgs, question)
  if (!enabled && rules.executionMode !== 'runtime_orchestrator') return { mode: 'direct_llm', rule: 'not_admitted' }
  if (sessionBucket(question.sessionId) >= (rules.percent / 100) * SESSION_BUCKETS) {
    return { mode: 'direct_llm', rule: 'percent' }
  }
  return { mode: 'runtime_orchestrator', rule: enabled ? 'org_enabled' : 'execution_mode' }
}

/** Whether any chat at all may reach the runtime. While none may, nothing is asked of it either. */
export function mayUseRuntime(rules: CutoverRules): boolean {
  if (rules.percent === 0) return false
  if (rules.executionMode === 'runtime_orchestrator') return true
  return [...rules.enabledOrgs].some((org) => !rules.disabledOrgs.has(org))
}

function names(orgs: ReadonlySet<string>, question: ModeQuestion): boolean {
  return orgs.has(question.orgId) || orgs.has(question.orgSlug)
}
