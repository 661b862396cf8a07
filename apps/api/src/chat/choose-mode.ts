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

/** What the breaker and the kill switch say at this moment. */
export interface FallbackView {
  open: boolean
  /** Set by an operator; beats the evidence until it expires. */
  forced: 'open' | 'closed' | null
}

export interface ModeQuestion {
  orgId: string
  orgSlug: string
  sessionId: string
}

/** The rule that decided. In the order in which they are asked. */
export type ModeRule =
  | 'forced_open'
  | 'org_disabled'
  | 'fallback_open'
  | 'not_admitted'
  | 'percent'
  | 'org_enabled'
  | 'execution_mode'

export interface ModeChoice {
  mode: ChatMode
  rule: ModeRule
}

/**
 * Which mode a chat gets. The first rule that applies decides:
 *
 * | order | rule | mode |
 * |---|---|---|
 * | 1 | an operator forced the fallback | direct_llm |
 * | 2 | the organisation is in CHAT_RUNTIME_DISABLED_ORGS | direct_llm |
 * | 3 | the fallback is active and not forced closed | direct_llm |
 * | 4 | neither enabled by name nor by CHAT_EXECUTION_MODE | direct_llm |
 * | 5 | the session lies outside CHAT_RUNTIME_PERCENT | direct_llm |
 * | 6 | the organisation is in CHAT_RUNTIME_ENABLED_ORGS | runtime_orchestrator |
 * | 7 | CHAT_EXECUTION_MODE is runtime_orchestrator | runtime_orchestrator |
 */
export function chooseMode(rules: CutoverRules, fallback: FallbackView, question: ModeQuestion): ModeChoice {
  if (fallback.forced === 'open') return { mode: 'direct_llm', rule: 'forced_open' }
  if (names(rules.disabledOrgs, question)) return { mode: 'direct_llm', rule: 'org_disabled' }
  if (fallback.open && fallback.forced !== 'closed') return { mode: 'direct_llm', rule: 'fallback_open' }

  const enabled = names(rules.enabledOrgs, question)
  if (!enabled && rules.executionMode !== 'runtime_orchestrator') return { mode: 'direct_llm', rule: 'not_admitted' }
  if (sessionBucket(question.sessionId) >= (rules.percent / 100) * SESSION_BUCKETS)
    return { mode: 'direct_llm', rule: 'percent' }
  return { mode: 'runtime_orchestrator', rule: enabled ? 'org_enabled' : 'execution_mode' }
}

function names(orgs: ReadonlySet<string>, question: ModeQuestion): boolean {
  return orgs.has(question.orgId) || orgs.has(question.orgSlug)
}
