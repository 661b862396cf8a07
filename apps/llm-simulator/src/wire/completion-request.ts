import { OpenAiError } from './openai-error.ts'

export interface ToolCall {
  id: string
  name: string
  /** JSON text. */
  arguments: string
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
  /** Of an assistant message. */
  toolCalls: ToolCall[]
  /** Of a tool message. */
  toolCallId: string
}

/** A tool that the caller offers, with the names of its parameters. */
export interface OfferedTool {
  name: string
  parameters: { name: string; type: string }[]
}

/** A chat completion request, with everything that the simulator does not know left out. */
export interface CompletionRequest {
  model: string
  messages: ChatMessage[]
  stream: boolean
  includeUsage: boolean
  maxTokens: number | undefined
  tools: OfferedTool[]
  /** `auto`, `none`, `required`, or the name of one tool. */
  toolChoice: string
}

const MAX_MESSAGES = 2000
const MAX_TOOLS = 128
const ROLES = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool']
] as const)

type Json = Record<string, unknown>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(param: string, expected: string): OpenAiError {
  return new OpenAiError(400, `Invalid value for '${param}': expected ${expected}.`, { param })
}

function readContent(value: unknown, param: string): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  if (!Array.isArray(value)) throw invalid(param, 'a string or an array of content parts')
  let text = ''
  for (const part of value) if (isObject(part) && typeof part.text === 'string') text += part.text
  return text
}

function readToolCalls(value: unknown, param: string): ToolCall[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalid(param, 'an array of tool calls')
  return value.map((call: unknown) => {
    const target = isObject(call) ? call.function : undefined
    if (!isObject(call) || !isObject(target)) throw invalid(param, 'an array of tool calls')
    return {
      id: String(call.id ?? ''),
      name: String(target.name ?? ''),
      arguments: String(target.arguments ?? '')
    }
  })
}

function readMessage(value: unknown, index: number): ChatMessage {
  const param = `messages[${index}]`
  if (!isObject(value)) throw invalid(param, 'an object')
  const role = ROLES.get(value.role as 'user')
  if (role === undefined) throw invalid(`${param}.role`, `one of ${[...ROLES.keys()].join(', ')}`)
  return {
    role,
    content: readContent(value.content, `${param}.content`),
    toolCalls: readToolCalls(value.tool_calls, `${param}.tool_calls`),
    toolCallId: typeof value.tool_call_id === 'string' ? value.tool_call_id : ''
  }
}

function readTool(value: unknown, index: number): OfferedTool {
  const target = isObject(value) ? value.function : undefined
  if (!isObject(target) || typeof target.name !== 'string') throw invalid(`tools[${index}]`, 'a function with a name')
  const schema = target.parameters
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {}
  return {
    name: target.name,
    parameters: Object.entries(properties).map(([name, property]) => ({
      name,
      type: isObject(property) ? String(property.type) : 'unknown'
    }))
  }
}

function readToolChoice(value: unknown): string {
  if (value === undefined || value === null) return 'auto'
  if (typeof value === 'string') return value
  const target = isObject(value) ? value.function : undefined
  if (isObject(target) && typeof target.name === 'string') return target.name
  throw invalid('tool_choice', '"none", "auto", "required" or a function')
}

function readMaxTokens(body: Json): number | undefined {
  const name = body.max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens'
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (!Number.isInteger(value) || (value as number) < 1) throw invalid(name, 'a positive integer')
  return value as number
}

/** Checks a parsed body. Unknown fields are ignored, as OpenAI's own server does with most. @throws OpenAiError */
export function readCompletionRequest(body: unknown): CompletionRequest {
  if (!isObject(body)) throw new OpenAiError(400, 'The request body must be a JSON object.')
  const { model, messages, tools, stream } = body
  if (typeof model !== 'string' || model === '') throw new OpenAiError(400, 'you must provide a model parameter')
  if (!model.startsWith('simulator')) {
    const message = `The model '${model.slice(0, 100)}' does not exist or you do not have access to it.`
    throw new OpenAiError(404, message, { code: 'model_not_found' })
  }
  if (!Array.isArray(messages) || messages.length === 0) throw invalid('messages', 'a non-empty array')
  if (messages.length > MAX_MESSAGES) throw invalid('messages', `at most ${MAX_MESSAGES} messages`)
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) throw invalid('tools', 'an array')
  if (Array.isArray(tools) && tools.length > MAX_TOOLS) throw invalid('tools', `at most ${MAX_TOOLS} tools`)
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') throw invalid('stream', 'a boolean')
  if (body.n !== undefined && body.n !== null && body.n !== 1) throw invalid('n', '1')
  const streamOptions = body.stream_options
  return {
    model,
    messages: messages.map(readMessage),
    stream: stream === true,
    includeUsage: isObject(streamOptions) && streamOptions.include_usage === true,
    maxTokens: readMaxTokens(body),
    tools: Array.isArray(tools) ? tools.map(readTool) : [],
    toolChoice: readToolChoice(body.tool_choice)
  }
}
