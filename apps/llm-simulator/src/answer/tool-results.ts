import type { ChatMessage } from '../wire/completion-request.ts'
import { quote } from './language.ts'

const RESULT_KEYS = ['result', 'value', 'output', 'text', 'time', 'iso', 'now', 'error'] as const

function readable(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return String(value)
  if (!Array.isArray(value)) {
    const object = value as Record<string, unknown>
    for (const key of RESULT_KEYS) if (object[key] !== undefined) return readable(object[key])
  }
  return JSON.stringify(value)
}

/** A caller may say what is a tool's own text by an element around it. */
const ELEMENT = /^<tool_output\b[^>]*>\n?([\s\S]*?)\n?<\/tool_output>\s*$/

/** What a tool answered, as it can stand in a sentence. */
function resultText(content: string): string {
  try {
    return quote(readable(JSON.parse(content)), 500)
  } catch {
    return quote(content, 500)
  }
}

function failed(content: string): boolean {
  return /^\s*\{\s*"error"|^\s*error\b/i.test(content)
}

function expressionOf(input: string): string {
  try {
    const values = Object.values(JSON.parse(input) as Record<string, unknown>)
    return typeof values[0] === 'string' ? values[0] : input
  } catch {
    return input
  }
}

function sentence(name: string, input: string, content: string, chinese: boolean): string {
  const result = resultText(content)
  if (failed(content)) return chinese ? `工具 ${name} 出错：${result}。` : `The tool ${name} failed: ${result}.`
  if (name === 'calculator') return `${expressionOf(input)} = ${result}${chinese ? '。' : '.'}`
  if (name === 'current_time') return chinese ? `现在是 ${result}。` : `It is now ${result}.`
  if (name === 'search_history') return chinese ? `我找到了：${result}` : `I found this: ${result}`
  return chinese ? `工具 ${name} 的结果：${result}` : `The tool ${name} answered: ${result}`
}

/** The answer in words to what the tools answered, in the order of the calls. `messages` begin after the question. */
export function answerFromTools(messages: readonly ChatMessage[], chinese: boolean): string {
  const results = new Map<string, string>()
  for (const { role, toolCallId, content } of messages) {
    if (role === 'tool') results.set(toolCallId, ELEMENT.exec(content)?.[1] ?? content)
  }
  const sentences: string[] = []
  for (const { id, name, arguments: input } of messages.flatMap((message) => message.toolCalls)) {
    const content = results.get(id)
    if (content !== undefined && name !== 'update_plan') sentences.push(sentence(name, input, content, chinese))
  }
  return sentences.join(chinese ? '' : ' ')
}
