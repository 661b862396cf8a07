import type { BreakerStatus } from '@semibot/breaker'
import type { ChatMode, ModeExplanation } from '@semibot/chat-protocol'
import {
  type CutoverRules,
  chooseMode,
  type FallbackView,
  MODE_RULES,
  type ModeQuestion,
  type ModeRule
} from '../chat/choose-mode.ts'
import { SESSION_BUCKETS, sessionBucket } from '../session-bucket.ts'

export interface ExplainModeOptions {
  rules: CutoverRules
  view: FallbackView
  status: BreakerStatus
  question: ModeQuestion
}

interface RuleLook {
  mode: ChatMode
  applies: boolean
  inputs: Record<string, unknown>
}

/** Which mode a chat would get, and each rule of `chooseMode` in its order with what it was decided by. */
export function explainMode({ rules, view, status, question }: ExplainModeOptions): ModeExplanation {
  const { mode, rule: deciding, fallback } = chooseMode(rules, view, question)
  const looks = lookAt(rules, view, status, question)
  return {
    ...question,
    mode,
    rule: deciding,
    fallback,
    rules: MODE_RULES.map((rule) => ({ rule, ...looks[rule], decides: rule === deciding }))
  }
}

/** Each rule by itself, whatever stands before it. */
function lookAt(
  { executionMode, enabledOrgs, disabledOrgs, percent }: CutoverRules,
  { refusal }: FallbackView,
  status: BreakerStatus,
  { orgId, orgSlug, sessionId }: ModeQuestion
): Record<ModeRule, RuleLook> {
  const isNamedIn = (orgs: ReadonlySet<string>) => orgs.has(orgId) || orgs.has(orgSlug)
  const isEnabled = isNamedIn(enabledOrgs)
  const isOn = executionMode === 'runtime_orchestrator'
  const place = (sessionBucket(sessionId) / SESSION_BUCKETS) * 100
  const { state, scope, forced, fallbackReason, trials, rampShare } = status
  const direct = (applies: boolean, inputs: RuleLook['inputs']): RuleLook => ({ mode: 'direct_llm', applies, inputs })
  const runtime = (applies: boolean, inputs: RuleLook['inputs']): RuleLook => ({
    mode: 'runtime_orchestrator',
    applies,
    inputs
  })
  return {
    forced_open: direct(refusal?.rule === 'forced_open', {
      forced: forced?.mode ?? null,
      actor: forced?.actor ?? null
    }),
    org_disabled: direct(isNamedIn(disabledOrgs), { CHAT_RUNTIME_DISABLED_ORGS: [...disabledOrgs] }),
    open: direct(refusal?.rule === 'open', { state, scope, fallbackReason }),
    half_open: direct(refusal?.rule === 'half_open', { state, trials }),
    ramp: direct(refusal?.rule === 'ramp', { state, rampShare }),
    not_admitted: direct(!(isEnabled || isOn), {
      CHAT_EXECUTION_MODE: executionMode,
      CHAT_RUNTIME_ENABLED_ORGS: [...enabledOrgs]
    }),
    percent: direct(place >= percent, { CHAT_RUNTIME_PERCENT: percent, placeOfSession: place }),
    org_enabled: runtime(isEnabled, { CHAT_RUNTIME_ENABLED_ORGS: [...enabledOrgs] }),
    execution_mode: runtime(isOn, { CHAT_EXECUTION_MODE: executionMode })
  }
}
