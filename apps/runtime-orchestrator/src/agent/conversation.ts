import type { ExecuteRequest } from '@semibot/chat-protocol'
import type { LlmMessage } from '@semibot/llm'

/** What the model is shown: the agent's instructions, the session so far, and the new message. */
export function conversation({ agent, history, message }: ExecuteRequest): LlmMessage[] {
  const messages: LlmMessage[] = [...history, { role: 'user', content: message }]
  return agent.systemPrompt.trim() === '' ? messages : [{ role: 'system', content: agent.systemPrompt }, ...messages]
}
