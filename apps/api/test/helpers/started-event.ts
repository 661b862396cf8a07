import type { ChatEventBody } from '@semibot/chat-protocol'

/** The first event of an execution "e" in the runtime. */
export function startedEvent(): ChatEventBody {
  return {
    type: 'execution.started',
    executionId: 'e',
    sessionId: 's',
    messageId: 'm',
    mode: 'runtime_orchestrator',
    attempt: 1,
    model: 'x'
  }
}
