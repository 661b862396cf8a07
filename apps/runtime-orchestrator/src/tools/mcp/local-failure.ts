import type { JSONRPCErrorResponse } from '@modelcontextprotocol/client'

/** What this process itself says of a call whose answer cannot be had; the server may well have done its work. */
export class LocalFailure {
  readonly reason: string
  /** Whether the same call could come out better. */
  readonly retry: boolean

  constructor(reason: string, retry: boolean) {
    this.reason = reason
    this.retry = retry
  }
}

/** From the range that JSON-RPC leaves to implementations. */
const CODE = -32_099

/** Ends a call in the server's place. No server can send one: what makes it ours is the class of its data. */
export function failLocally(id: number | string, failure: LocalFailure): JSONRPCErrorResponse {
  return { jsonrpc: '2.0', id, error: { code: CODE, message: failure.reason, data: failure } }
}

/** What was said in `failLocally`, when that is where the error of a call came from. */
export function localFailureOf(error: unknown): LocalFailure | undefined {
  const data = error instanceof Error ? (error as { data?: unknown }).data : undefined
  return data instanceof LocalFailure ? data : undefined
}
