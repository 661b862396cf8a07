import type { ChatMessage, CompletionRequest, ToolCall } from '../wire/completion-request.ts'
import { continueAnswer } from './continuation.ts'
import { type Directives, directiveNumber, parseDirectives } from './directives.ts'
import { isChinese, quote } from './language.ts'
import { recall } from './recall.ts'
import { tokenize, toLength } from './tokens.ts'
import { chooseToolCalls } from './tool-calls.ts'
import { answerFromTools } from './tool-results.ts'
import { mark } from './variation.ts'

/** Longest answer, in tokens. */
export const MAX_ANSWER_TOKENS = 100_000

/** What is asked stands in the first so many UTF-16 units; patterns are not tried on more. */
const SEARCHED_LENGTH = 2000

export interface AnswerSettings {
  /** Exact number of tokens of each answer; undefined: as long as it comes. */
  length: number | undefined
  /** Whether each call marks its words (see variation.ts). */
  vary: boolean
  /** Number of this call, from 1. */
  call: number
}

/** What to send back, before it is put on the wire. */
export interface Answer {
  /** Texts of the pieces, in order. */
  tokens: string[]
  reasoning: string[]
  toolCalls: ToolCall[]
  finishReason: 'stop' | 'length' | 'tool_calls' | 'content_filter'
}

/** The last user message, with what came before and after it. */
export interface Turn {
  question: string
  directives: Directives
  /** The user's earlier messages, oldest first. */
  history: string[]
  /** Everything after the question. */
  since: ChatMessage[]
}

/** Finds the question in a conversation. A conversation without one gets an empty question. */
export function readTurn(messages: ChatMessage[]): Turn {
  const at = messages.findLastIndex((message) => message.role === 'user')
  const { directives, rest } = parseDirectives(messages[at]?.content ?? '')
  const history = messages
    .slice(0, Math.max(at, 0))
    .filter((message) => message.role === 'user')
    .map((message) => parseDirectives(message.content).rest)
  return { question: rest, directives, history, since: messages.slice(at + 1) }
}

function chat(question: string, chinese: boolean): string {
  if (chinese) return `你说：“${quote(question)}”。我是内置的模拟器，不是真正的模型，所以只能这样回答。`
  if (question === '') return 'I am the built-in simulator, not a real model, and I have not been asked anything.'
  return `You said: "${quote(question)}". I am the built-in simulator, not a real model, so this is all I can answer.`
}

function answerText({ question, directives, history, since }: Turn): string {
  const say = directives.get('say')
  if (say !== undefined) return say
  const chinese = isChinese(question)
  const fromTools = answerFromTools(since, chinese)
  if (fromTools !== '') return fromTools
  return recall(question.slice(0, SEARCHED_LENGTH), history) ?? chat(question, chinese)
}

function finishReasonOf(directives: Directives): Answer['finishReason'] {
  const wanted = directives.get('finish')
  return wanted === 'length' || wanted === 'content_filter' ? wanted : 'stop'
}

/**
 * Decides what a model answers here. The same request with the same settings always gets the same answer.
 */
export function planAnswer(request: CompletionRequest, turn: Turn, settings: AnswerSettings): Answer {
  const { directives, question, since } = turn
  const vary = settings.vary || directives.has('vary')
  const loops = directives.has('loop')
  const toolCalls = chooseToolCalls({
    tools: request.tools,
    toolChoice: request.toolChoice,
    question: question.slice(0, SEARCHED_LENGTH),
    directives,
    round: since.filter((message) => message.toolCalls.length > 0).length,
    rounds: loops ? Number.POSITIVE_INFINITY : directiveNumber(directives, 'steps', 1, 1000)
  })
  const chinese = isChinese(question)
  const reasoning = directives.has('reasoning') ? tokenize(chinese ? '让我想一想。' : 'Let me think about that.') : []
  if (toolCalls.length > 0) {
    const words = directiveNumber(directives, 'talk', 0, MAX_ANSWER_TOKENS)
    const said = words === 0 ? [] : toLength(tokenize(chinese ? '我来查一下。' : 'Let me look.'), words, chinese)
    return { tokens: vary ? mark(said, settings.call) : said, reasoning, toolCalls, finishReason: 'tool_calls' }
  }

  let tokens = tokenize(answerText(turn))
  const length = directives.has('length')
    ? directiveNumber(directives, 'length', 1, MAX_ANSWER_TOKENS)
    : settings.length
  if (length !== undefined) tokens = toLength(tokens, length, chinese)
  const last = request.messages.at(-1)!
  if (last.role === 'assistant' && last.toolCalls.length === 0) {
    tokens = continueAnswer(tokens, last.content, settings.call, vary)
  } else if (vary) {
    tokens = mark(tokens, settings.call)
  }
  if (request.maxTokens !== undefined && tokens.length > request.maxTokens) {
    return { tokens: tokens.slice(0, request.maxTokens), reasoning, toolCalls: [], finishReason: 'length' }
  }
  return { tokens, reasoning, toolCalls: [], finishReason: finishReasonOf(directives) }
}
