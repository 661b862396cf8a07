import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { FinishReason, Usage } from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'
import { type Attempt, Calls } from '../calls.ts'
import { failureOf } from '../failure.ts'
import { LlmError } from '../llm-error.ts'
import type { LlmCallOptions, LlmProvider, LlmRequest, LlmResult, LlmSink } from '../types.ts'
import { estimateUsage } from '../usage.ts'
import { callOptionsOf, errorOfAiSdk, finishReasonOf, usageOf } from './convert.ts'
import { type AiSdkConnection, createLanguageModel } from './language-model.ts'

function drained(flow: FlowControl, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const goOn = () => {
      signal.removeEventListener('abort', goOn)
      resolve()
    }
    signal.addEventListener('abort', goOn)
    flow.onDrained(goOn)
  })
}

function brokenOff(): LlmError {
  return new LlmError('LLM_UNAVAILABLE', 'The answer of the model provider broke off before its end.')
}

/** Hands the parts of one streamed answer to the sink and keeps what the result needs. */
class PartReader {
  readonly #sink: LlmSink
  readonly #attempt: Attempt
  pieces = 0
  characters = 0
  finish: string | undefined
  usage: Usage | undefined

  constructor(sink: LlmSink, attempt: Attempt) {
    this.#sink = sink
    this.#attempt = attempt
  }

  /** @throws whatever the provider reported as an error, or the sink threw */
  read(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'text-delta':
        this.#count(part.delta)
        if (part.delta !== '') this.#sink.onText(part.delta)
        break
      case 'reasoning-delta':
        this.#count(part.delta)
        if (part.delta !== '') this.#sink.onReasoning?.(part.delta)
        break
      case 'error':
        throw new ProviderFailure(part.error)
      case 'finish':
        this.finish = part.finishReason.unified
        this.usage = usageOf(part.usage)
        break
      default:
    }
  }

  #count(text: string): void {
    this.#attempt.touched = true
    this.pieces++
    this.characters += text.length
  }
}

/** Marks what came from the provider, so that an error of the sink is never taken for one. */
class ProviderFailure extends Error {
  constructor(cause: unknown) {
    super('the provider failed', { cause })
  }
}

async function fromProvider<T>(result: PromiseLike<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    throw new ProviderFailure(error)
  }
}

/**
 * A provider on top of the AI SDK, for models that do not speak OpenAI's wire format. It uses the SDK's model
 * objects alone and none of its agents; still a chunk costs several times what the openai-compatible provider
 * takes, so that one is for the models that can be reached by both.
 */
export function createAiSdkProvider(connection: AiSdkConnection): LlmProvider {
  const { apiKey } = connection
  const calls = new Calls()

  function failure(error: unknown, call: LlmCallOptions, { timers }: Attempt): unknown {
    const reason = error instanceof ProviderFailure ? errorOfAiSdk(error.cause, apiKey) : error
    return failureOf(reason, call, timers, apiKey)
  }

  function stream(request: LlmRequest, sink: LlmSink, call: LlmCallOptions): Promise<LlmResult> {
    const model = createLanguageModel({ ...connection, model: request.model })

    const attempt = async (state: Attempt): Promise<LlmResult> => {
      const { timers } = state
      const { signal, flow } = timers
      const parts = new PartReader(sink, state)
      try {
        const options = { ...callOptionsOf(request), abortSignal: signal, headers: call.headers ?? {} }
        const reader = (await fromProvider(model.doStream(options))).stream.getReader()
        try {
          for (;;) {
            const next = await fromProvider(reader.read())
            if (next.done) break
            timers.activity()
            parts.read(next.value)
            if (flow?.congested === true) await drained(flow, signal)
          }
        } finally {
          reader.cancel().catch(() => {})
        }
      } catch (error) {
        throw failure(error, call, state)
      }
      const finishReason: FinishReason | undefined = finishReasonOf(parts.finish ?? 'interrupted')
      if (finishReason === undefined) throw brokenOff()
      return {
        finishReason,
        usage: parts.usage ?? estimateUsage(request, parts.pieces, parts.characters),
        usageEstimated: parts.usage === undefined
      }
    }

    return calls.run(call, false, attempt)
  }

  function complete(request: LlmRequest, call: LlmCallOptions): Promise<LlmResult & { text: string }> {
    const model = createLanguageModel({ ...connection, model: request.model })

    const attempt = async (state: Attempt) => {
      const { signal } = state.timers
      try {
        const options = { ...callOptionsOf(request), abortSignal: signal, headers: call.headers ?? {} }
        const answer = await fromProvider(model.doGenerate(options))
        const text = answer.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
        const finishReason = finishReasonOf(answer.finishReason.unified)
        if (finishReason === undefined) throw brokenOff()
        const usage = usageOf(answer.usage)
        return {
          text,
          finishReason,
          usage: usage ?? estimateUsage(request, 0, text.length),
          usageEstimated: usage === undefined
        }
      } catch (error) {
        throw failure(error, call, state)
      }
    }

    return calls.run(call, true, attempt)
  }

  return {
    stream,
    complete,
    close: async () => calls.close()
  }
}
