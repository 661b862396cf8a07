import { LIMITS } from '@semibot/chat-protocol'
import { EventStreamError, openEventStream } from '@semibot/chat-protocol/event-stream'
import { Agent } from 'undici'
import { type Attempt, Calls } from '../calls.ts'
import { failureOf } from '../failure.ts'
import { LlmError } from '../llm-error.ts'
import type { LlmCallOptions, LlmProvider, LlmRequest, LlmResult, LlmSink } from '../types.ts'
import { estimateUsage } from '../usage.ts'
import { completionsEndpoint } from './base-url.ts'
import { CompletionStream } from './completion-stream.ts'
import { postForText } from './post-json.ts'
import { readCompletion } from './read-completion.ts'
import { requestBody } from './request-body.ts'

export interface OpenAiCompatibleOptions {
  /** Address of the API up to and including its version, such as `http://127.0.0.1:4010/v1`. */
  baseUrl: string
  /** Sent as bearer token. */
  apiKey?: string
  /** Longest wait for a connection. Default: 5,000 ms. */
  connectTimeoutMs?: number
  /** Asks for token counts at the end of a stream. Default: true; false for servers that refuse `stream_options`. */
  includeUsage?: boolean
}

/** A chunk is about forty times as long as the text in it, and none of it is kept. */
const MAX_STREAM_BYTES = 8 * LIMITS.streamBytes

/** Shorter than the idle time of the usual servers and balancers, so that they do not close a connection in use. */
const KEEP_ALIVE_MS = 20_000

/**
 * As many connections as there are calls: a bounded pool makes calls wait inside the client, which looks like a
 * slow model. Who may call at all is decided in front of this. HTTP/1.1 only: the limit that servers set on the
 * streams of one HTTP/2 connection would be such a bound again.
 */
function createAgent(connectTimeoutMs: number): Agent {
  return new Agent({
    connections: null,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Each call has timers of its own.
    headersTimeout: 0,
    bodyTimeout: 0
  })
}

function requestHeaders(apiKey: string | undefined): Record<string, string> {
  if (apiKey !== undefined && !/^[\x21-\x7e]*$/.test(apiKey)) {
    throw new TypeError('apiKey: expected printable ASCII characters without spaces')
  }
  return {
    'content-type': 'application/json',
    'user-agent': 'semibot',
    ...(apiKey === undefined || apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` })
  }
}

/**
 * Calls a server that speaks OpenAI chat completions. Push style from the socket to the sink: at most one parse for
 * each chunk, no queue, no stream object. A stream that ends without a finish reason or `[DONE]` is an error.
 * One more attempt is made when the first failed before its first event, in a way that may pass.
 * @throws TypeError when an option cannot be used
 */
export function createOpenAiCompatibleProvider(options: OpenAiCompatibleOptions): LlmProvider {
  const { apiKey, includeUsage = true } = options
  const endpoint = completionsEndpoint(options.baseUrl)
  const baseHeaders = requestHeaders(apiKey)
  const dispatcher = createAgent(options.connectTimeoutMs ?? 5000)
  const calls = new Calls()
  const headersFor = (call: LlmCallOptions) =>
    call.headers === undefined ? baseHeaders : { ...call.headers, ...baseHeaders }

  function stream(request: LlmRequest, sink: LlmSink, call: LlmCallOptions): Promise<LlmResult> {
    const body = requestBody(request, true, includeUsage)
    const headers = headersFor(call)

    const attempt = async (state: Attempt): Promise<LlmResult> => {
      const { signal, flow } = state.timers
      const completion = new CompletionStream(sink, state, apiKey)
      try {
        const wire = { dispatcher, ...endpoint, headers, body, maxStreamBytes: MAX_STREAM_BYTES }
        await openEventStream({ ...wire, signal, ...(flow === undefined ? {} : { flow }) }, completion)
      } catch (error) {
        const wasWhole = completion.whole && error instanceof EventStreamError && state.timers.ended === undefined
        if (!wasWhole || call.signal.aborted) throw failureOf(error, call, state.timers, apiKey)
      }
      if (!completion.whole) {
        throw new LlmError('LLM_UNAVAILABLE', 'The answer of the model provider broke off before its end.')
      }
      return {
        finishReason: completion.finishReason ?? 'other',
        usage: completion.usage ?? estimateUsage(request, completion.pieces, completion.characters),
        usageEstimated: completion.usage === undefined
      }
    }

    return calls.run(call, false, attempt)
  }

  function complete(request: LlmRequest, call: LlmCallOptions): Promise<LlmResult & { text: string }> {
    const body = requestBody(request, false, false)
    const headers = headersFor(call)

    const attempt = async (state: Attempt) => {
      const { timers } = state
      const onActivity = () => timers.activity()
      let answer: string
      try {
        answer = await postForText({ dispatcher, ...endpoint, headers, body, signal: timers.signal, onActivity })
      } catch (error) {
        throw failureOf(error, call, timers, apiKey)
      }
      state.touched = true
      const { text, finishReason, usage } = readCompletion(answer, apiKey)
      return {
        text,
        finishReason,
        usage: usage ?? estimateUsage(request, 0, text.length),
        usageEstimated: usage === undefined
      }
    }

    return calls.run(call, true, attempt)
  }

  function close(): Promise<void> {
    calls.close()
    return dispatcher.destroy()
  }

  return { stream, complete, connections: () => dispatcher.stats, close }
}
