import { idSchema } from '@semibot/chat-protocol'
import type { CutoverRules } from './chat/choose-mode.ts'
import type { ApiEnv } from './env.ts'

/** The rules as the environment has them now: a reload changes `env` in place. Sets are built when a list changes. */
export function createCutoverReader(env: ApiEnv): () => CutoverRules {
  let enabled: readonly string[] = []
  let disabled: readonly string[] = []
  let enabledOrgs: ReadonlySet<string> = new Set()
  let disabledOrgs: ReadonlySet<string> = new Set()
  return () => {
    if (env.CHAT_RUNTIME_ENABLED_ORGS !== enabled) {
      enabled = env.CHAT_RUNTIME_ENABLED_ORGS
      enabledOrgs = namesOf(enabled)
    }
    if (env.CHAT_RUNTIME_DISABLED_ORGS !== disabled) {
      disabled = env.CHAT_RUNTIME_DISABLED_ORGS
      disabledOrgs = namesOf(disabled)
    }
    return { executionMode: env.CHAT_EXECUTION_MODE, enabledOrgs, disabledOrgs, percent: env.CHAT_RUNTIME_PERCENT }
  }
}

/** Slugs as they are, and ids as the database writes them. */
function namesOf(orgs: readonly string[]): ReadonlySet<string> {
  return new Set(orgs.map((org) => idSchema.safeParse(org).data ?? org))
}
