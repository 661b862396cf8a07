import type { FinishReason } from '@semibot/chat-protocol'

const FINISH_REASONS = new Map<string, FinishReason>([
  ['stop', 'stop'],
  ['length', 'length'],
  ['content_filter', 'content_filter'],
  ['tool_calls', 'tool_calls'],
  ['function_call', 'tool_calls']
])

/** OpenAI's `finish_reason`; an unknown one is `other`. */
export function finishReasonOf(value: string): FinishReason {
  return FINISH_REASONS.get(value) ?? 'other'
}

/** The text of `content`: a string, or the text parts of a list of parts; empty for anything else. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  let text = ''
  for (const part of content) {
    if (typeof part === 'object' && part !== null && typeof (part as { text?: unknown }).text === 'string') {
      text += (part as { text: string }).text
    }
  }
  return text
}
