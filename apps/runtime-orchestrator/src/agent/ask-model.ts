import type { FinishReason, Usage } from '@semibot/chat-protocol'
import { estimateUsage, LlmError, readUsage, withOneRetry } from '@semibot/llm'
import { finishReasonOf } from '@semibot/llm/ai-sdk'
import { AISDKError, type LanguageModelUsage, type ModelMessage, streamText, type ToolSet } from 'ai'
import { MAX_TOOL_INPUTS_BYTES, MODEL_FIRST_BYTE_TIMEOUT_MS, MODEL_IDLE_TIMEOUT_MS } from '../constants/config.ts'
import { untilDrained } from './abort.ts'
import { refuseEmptyAnswer } from './empty-answer.ts'
import type { AgentModel } from './model-access.ts'
import type { RunContext } from './run-context.ts'
import { createWatchdog } from './watchdog.ts'

/** A tool call as the model asked for it. */
export interface ModelToolCall {
  id: string
  name: string
  input: unknown
  /** The AI SDK could make nothing of it: no such tool, or arguments that are not JSON. */
  invalid: boolean
}

/** What one model call came to. Plain data: it can be written down and read back. */
export interface ModelTurn {
  messages: ModelMessage[]
  calls: ModelToolCall[]
  text: string
  usage: Usage
  finishReason: FinishReason
}

type Asked = ReturnType<typeof streamText<ToolSet>>

/** Parts of an answer that are something of it; the others only say that one begins or ends. */
const CONTENT: ReadonlySet<string> = new Set([
  'text-delta',
  'reasoning-delta',
  'tool-input-start',
  'tool-input-delta',
  'tool-call'
])

/** Something that the AI SDK reports of the model, as opposed to an error of ours. */
class ModelFailure extends Error {
  override readonly name = 'ModelFailure'
}

/**
 * Asks the model once and hands on its text while it comes; asks a second time when the first call failed
 * before anything came.
 * @throws LlmError, ExecutionError LIMIT_EXCEEDED, AnswerFull, or the reason of `signal`
 */
export function askModel(
  run: RunContext,
  model: AgentModel,
  tools: ToolSet,
  messages: ModelMessage[],
  signal: AbortSignal
): Promise<ModelTurn> {
  const attempt = { touched: false }
  const ask = () => askOnce(run, model, tools, messages, signal, attempt)
  return withOneRetry(ask, () => !attempt.touched, signal)
}

async function askOnce(
  run: RunContext,
  { languageModel, explain }: AgentModel,
  tools: ToolSet,
  messages: ModelMessage[],
  signal: AbortSignal,
  attempt: { touched: boolean }
): Promise<ModelTurn> {
  const { answer, budget, flow } = run
  const watchdog = createWatchdog(signal, {
    firstByteTimeoutMs: MODEL_FIRST_BYTE_TIMEOUT_MS,
    idleTimeoutMs: MODEL_IDLE_TIMEOUT_MS
  })
  run.modelSilentSince = performance.now()
  let inputBytes = 0
  try {
    const result = streamText({
      ...settingsOf(run),
      model: languageModel,
      tools,
      messages,
      maxRetries: 0,
      abortSignal: watchdog.signal,
      // Errors arrive as a part of the stream; without this they are printed as well.
      onError: () => undefined
    })
    for await (const part of result.stream) {
      if (part.type === 'error') throw new ModelFailure('the model failed', { cause: part.error })
      if (part.type === 'abort') throw watchdog.signal.reason
      if (!CONTENT.has(part.type)) continue
      attempt.touched = true
      run.modelSilentSince = undefined
      watchdog.touch()
      budget.spendPiece()
      if (part.type === 'text-delta') answer.write(part.text)
      else if (part.type === 'reasoning-delta') answer.reason(part.text)
      else if (part.type === 'tool-input-delta') {
        inputBytes += Buffer.byteLength(part.delta)
        if (inputBytes > MAX_TOOL_INPUTS_BYTES) throw tooMuchInput()
      }
      if (!flow.congested) continue
      watchdog.pause()
      await untilDrained(flow, watchdog.signal)
      watchdog.touch()
    }
    const turn = await toTurn(result, messages)
    if (turn.calls.length === 0) refuseEmptyAnswer(turn, budget)
    return turn
  } catch (error) {
    if (watchdog.signal.aborted) {
      // A model that was silent for so long is not worth another wait.
      attempt.touched = true
      throw watchdog.signal.reason
    }
    watchdog.abandon()
    if (error instanceof ModelFailure) throw explain(error.cause)
    throw AISDKError.isInstance(error) ? explain(error) : error
  } finally {
    run.modelSilentSince = undefined
    watchdog.stop()
  }
}

function tooMuchInput(): LlmError {
  const message = `The model wrote more than ${MAX_TOOL_INPUTS_BYTES} bytes of arguments for tools.`
  return new LlmError('LLM_UNAVAILABLE', message)
}

function settingsOf({ request: { agent }, headers }: RunContext) {
  return {
    headers,
    // The history comes from our own database, and the agent's instructions are its first message.
    allowSystemInMessages: true,
    ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
    ...(agent.maxTokens === undefined ? {} : { maxOutputTokens: agent.maxTokens })
  }
}

async function toTurn(result: Asked, asked: ModelMessage[]): Promise<ModelTurn> {
  const [messages, text, usage, unified, toolCalls] = await Promise.all([
    result.responseMessages,
    result.text,
    result.usage,
    result.finishReason,
    result.toolCalls
  ])
  const finishReason = finishReasonOf(unified)
  if (finishReason === undefined)
    throw new LlmError('LLM_UNAVAILABLE', 'The answer of the model provider broke off before its end.')
  const calls = toolCalls.map((call) => ({
    id: call.toolCallId,
    name: call.toolName,
    input: call.input as unknown,
    invalid: call.dynamic === true && call.invalid === true
  }))
  // The AI SDK answers invalid calls by itself; here every call gets its answer in one place.
  const said = messages.filter(({ role }) => role === 'assistant')
  return { messages: said, calls, text, usage: usageOf(usage, asked, text), finishReason }
}

/** What the server counted, or a guess when it counted nothing, or nothing that makes sense. */
function usageOf(usage: LanguageModelUsage, asked: ModelMessage[], text: string): Usage {
  const { inputTokens, outputTokens, totalTokens, inputTokenDetails, outputTokenDetails } = usage
  const counted = readUsage(inputTokens, outputTokens, {
    totalTokens,
    cachedInputTokens: inputTokenDetails.cacheReadTokens,
    reasoningTokens: outputTokenDetails.reasoningTokens
  })
  // The AI SDK makes zeros of counts that are missing.
  if (counted === undefined || counted.totalTokens === 0) {
    const messages = asked.map(({ content }) => ({
      role: 'user' as const,
      content: typeof content === 'string' ? content : JSON.stringify(content)
    }))
    return estimateUsage({ model: '', messages }, 0, text.length)
  }
  return counted
}
