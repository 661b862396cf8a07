import type { FetchLike } from '@modelcontextprotocol/client'

/** The body of an answer was longer than it may be. */
export class BodyTooLong extends Error {
  override readonly name = 'BodyTooLong'
}

/** `fetch` that breaks an answer off behind this many bytes of its body. */
export function createBoundedFetch(maxBytes: number): FetchLike {
  return async (url, init) => {
    const response = await fetch(url, init)
    const { body, status, statusText, headers } = response
    if (body === null) return response
    return new Response(body.pipeThrough(boundBytes(maxBytes)), { status, statusText, headers })
  }
}

function boundBytes(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0
  return new TransformStream({
    transform: (chunk, controller) => {
      bytes += chunk.byteLength
      if (bytes > maxBytes) controller.error(new BodyTooLong(`an answer has more than ${maxBytes} bytes`))
      else controller.enqueue(chunk)
    }
  })
}
