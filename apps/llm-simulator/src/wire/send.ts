import type { ServerResponse } from 'node:http'
import { errorOfStatus, OpenAiError } from './openai-error.ts'

/** Sends a body that is JSON already. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {}
): void {
  if (response.headersSent || response.destroyed) return
  response
    .writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body)
}

/** Sends an error in OpenAI's shape; one that is not meant for the caller becomes a plain 500. */
export function sendError(response: ServerResponse, error: unknown): void {
  const known = error instanceof OpenAiError ? error : errorOfStatus(500)
  const headers = known.status === 413 ? { ...known.headers, connection: 'close' } : known.headers
  sendJson(response, known.status, known.body, headers)
}
