import type { ExecuteRequest } from '@semibot/chat-protocol'
import type { LlmMessage } from '@semibot/llm'
import { UNTRUSTED_OUTPUT } from './describe-tools.ts'

/** What the model is shown: the agent's instructions, the session so far, and the new message. */
export function conversation(request: ExecuteRequest): LlmMessage[] {
  return withInstructions(request, request.agent.systemPrompt.trim() === '' ? '' : request.agent.systemPrompt)
}

/** The same for an agent with tools: it is also told what to think of what they say. */
export function agentConversation(request: ExecuteRequest): LlmMessage[] {
  const own = request.agent.systemPrompt.trim()
  return withInstructions(request, own === '' ? UNTRUSTED_OUTPUT : `${own}\n\n${UNTRUSTED_OUTPUT}`)
}

function withInstructions({ history, message }: ExecuteRequest, instructions: string): LlmMessage[] {
  const messages: LlmMessage[] = [...history, { role: 'user', content: message }]
  return instructions === '' ? messages : [{ role: 'system', content: instructions }, ...messages]
}
