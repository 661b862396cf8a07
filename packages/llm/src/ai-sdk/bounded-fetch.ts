import { LlmError } from '../llm-error.ts'

/** Largest streamed answer on the wire, and largest line in it, in bytes. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024
const MAX_LINE_BYTES = 1024 * 1024

/** Largest answer that is read as a whole, errors included, in bytes. */
const MAX_WHOLE_BYTES = 8 * 1024 * 1024

const NEWLINE = 10

/**
 * `fetch` for the AI SDK, which itself reads answers of any size: beyond these sizes the body ends with an LlmError
 * LLM_UNAVAILABLE.
 */
export const boundedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  if (response.body === null) return response
  const isStream = response.headers.get('content-type')?.includes('text/event-stream') === true
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(limit(isStream)), { status, statusText, headers })
}

function limit(isStream: boolean): TransformStream<Uint8Array, Uint8Array> {
  const maxBytes = isStream ? MAX_STREAM_BYTES : MAX_WHOLE_BYTES
  let bytes = 0
  let lineBytes = 0
  return new TransformStream({
    transform: (chunk, controller) => {
      bytes += chunk.length
      const newline = chunk.lastIndexOf(NEWLINE)
      lineBytes = newline === -1 ? lineBytes + chunk.length : chunk.length - newline - 1
      if (bytes <= maxBytes && (!isStream || lineBytes <= MAX_LINE_BYTES)) controller.enqueue(chunk)
      else controller.error(new LlmError('LLM_UNAVAILABLE', 'The answer of the model provider is too large.'))
    }
  })
}
