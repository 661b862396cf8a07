import { createHash } from 'node:crypto'
import type { Answer } from '../answer/plan-answer.ts'
import type { ChatMessage, CompletionRequest } from './completion-request.ts'

/** All answers claim to be of the same second, so that equal requests get equal bytes. */
const CREATED = 1_700_000_000
const ARGUMENT_PIECE_LENGTH = 8
const CACHED_ANSWERS = 64
/** Longer answers are not worth their memory. */
const CACHED_TOKENS = 1000

/** One piece of a chunked HTTP body (RFC 9112, section 7.1). */
export function httpChunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
}

/** Token counts of one answer, in OpenAI's shape. */
export function countUsage(messages: readonly ChatMessage[], answer: Answer) {
  let characters = 0
  for (const { content, toolCalls } of messages) {
    characters += content.length + 16
    for (const call of toolCalls) characters += call.arguments.length
  }
  const prompt = Math.ceil(characters / 4)
  const reasoning = answer.reasoning.length
  const completion = answer.tokens.length + reasoning + answer.toolCalls.length * 8
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning }
  }
}

type WireUsage = ReturnType<typeof countUsage>

function idOf(parts: readonly string[]): string {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part).update('\0')
  return `chatcmpl-${digest.digest('hex').slice(0, 24)}`
}

function answerId(model: string, answer: Answer, usage: WireUsage): string {
  return idOf([model, answer.tokens.join(''), JSON.stringify(answer.toolCalls), String(usage.prompt_tokens)])
}

function deltas(answer: Answer): object[] {
  const list: object[] = answer.reasoning.map((reasoning) => ({ reasoning_content: reasoning }))
  for (const content of answer.tokens) list.push({ content })
  for (const [index, call] of answer.toolCalls.entries()) {
    const { id, name } = call
    list.push({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] })
    for (let at = 0; at < call.arguments.length; at += ARGUMENT_PIECE_LENGTH) {
      const piece = call.arguments.slice(at, at + ARGUMENT_PIECE_LENGTH)
      list.push({ tool_calls: [{ index, function: { arguments: piece } }] })
    }
  }
  return list
}

/**
 * The body of a streamed answer: one buffer for each piece, chunk framing of HTTP included. The first also
 * has the role, the last also the finish reason, the usage and `[DONE]`. Between two buffers lies one gap.
 */
function buildFrames(request: CompletionRequest, answer: Answer, usage: WireUsage | undefined, id: string): Buffer[] {
  const head = `data: {"id":"${id}","object":"chat.completion.chunk","created":${CREATED},"model":${JSON.stringify(request.model)}`
  const noUsage = usage !== undefined && request.includeUsage ? ',"usage":null' : ''
  const chunk = (delta: string, finish: string) =>
    `${head},"choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}]${noUsage}}\n\n`

  const texts = deltas(answer).map((delta) => chunk(JSON.stringify(delta), 'null'))
  if (texts.length === 0) texts.push('')
  texts[0] = chunk('{"role":"assistant","content":""}', 'null') + texts[0]
  let end = chunk('{}', `"${answer.finishReason}"`)
  if (noUsage !== '') end += `${head},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`
  texts[texts.length - 1] += `${end}data: [DONE]\n\n`
  return texts.map(httpChunk)
}

/** Builds answers for the wire, and keeps the newest ones ready: a benchmark asks the same again and again. */
export class FrameCache {
  readonly #frames = new Map<string, Buffer[]>()

  /** @param withUsage whether this server counts tokens at all */
  framesOf(request: CompletionRequest, answer: Answer, withUsage: boolean): Buffer[] {
    const usage = countUsage(request.messages, answer)
    const id = answerId(request.model, answer, usage)
    const key = `${id} ${request.includeUsage} ${withUsage} ${answer.finishReason} ${answer.reasoning.length}`
    const known = this.#frames.get(key)
    if (known !== undefined) return known
    const frames = buildFrames(request, answer, withUsage ? usage : undefined, id)
    if (frames.length <= CACHED_TOKENS) {
      this.#frames.set(key, frames)
      if (this.#frames.size > CACHED_ANSWERS) this.#frames.delete(this.#frames.keys().next().value!)
    }
    return frames
  }
}

/** The whole answer as one JSON body. */
export function completionBody(request: CompletionRequest, answer: Answer, withUsage: boolean): string {
  const usage = countUsage(request.messages, answer)
  const toolCalls = answer.toolCalls.map(({ id, name, arguments: input }) => ({
    id,
    type: 'function',
    function: { name, arguments: input }
  }))
  const message = {
    role: 'assistant',
    content: toolCalls.length > 0 && answer.tokens.length === 0 ? null : answer.tokens.join(''),
    ...(answer.reasoning.length > 0 ? { reasoning_content: answer.reasoning.join('') } : {}),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {})
  }
  return JSON.stringify({
    id: answerId(request.model, answer, usage),
    object: 'chat.completion',
    created: CREATED,
    model: request.model,
    choices: [{ index: 0, message, finish_reason: answer.finishReason }],
    ...(withUsage ? { usage } : {})
  })
}
