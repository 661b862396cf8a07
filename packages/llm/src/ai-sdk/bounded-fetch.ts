import { LlmError } from '../llm-error.ts'
import { FinishReasons } from './finish-reasons.ts'

/** Largest streamed answer on the wire, and largest line in it, in bytes. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024
const MAX_LINE_BYTES = 1024 * 1024

/** Largest answer that is read as a whole, errors included, in bytes. */
const MAX_WHOLE_BYTES = 8 * 1024 * 1024

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/**
 * `fetch` for the AI SDK, which itself reads answers of any size: beyond these sizes the body ends with an LlmError
 * LLM_UNAVAILABLE. Of streams the finish reasons are put right, too.
 */
export const boundedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  if (response.body === null) return response
  const isStream = response.headers.get('content-type')?.includes('text/event-stream') === true
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(isStream ? limitStream() : limitWhole()), {
    status,
    statusText,
    headers
  })
}

function limitWhole(): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0
  return new TransformStream({
    transform: (chunk, controller) => {
      bytes += chunk.length
      if (bytes > MAX_WHOLE_BYTES) controller.error(tooLarge())
      else controller.enqueue(chunk)
    }
  })
}

/** Hands on whole lines: nobody can use a part of one. */
function limitStream(): TransformStream<Uint8Array, Uint8Array> {
  const reasons = new FinishReasons()
  let bytes = 0
  let line: Uint8Array[] = []
  let lineBytes = 0
  return new TransformStream({
    transform: (chunk, controller) => {
      const end = Math.max(chunk.lastIndexOf(NEWLINE), chunk.lastIndexOf(CARRIAGE_RETURN)) + 1
      const lines = end === 0 ? undefined : Buffer.concat([...line, chunk.subarray(0, end)])
      if (end > 0) {
        line = []
        lineBytes = 0
      }
      line.push(chunk.subarray(end))
      bytes += chunk.length
      lineBytes += chunk.length - end
      if (bytes > MAX_STREAM_BYTES || lineBytes > MAX_LINE_BYTES) controller.error(tooLarge())
      else if (lines !== undefined) controller.enqueue(reasons.correct(lines))
    },
    flush: (controller) => {
      if (lineBytes > 0) controller.enqueue(Buffer.concat(line))
    }
  })
}

function tooLarge(): LlmError {
  return new LlmError('LLM_UNAVAILABLE', 'The answer of the model provider is too large.')
}
