import { ProtocolError, ProtocolErrorCode, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client'
import { BodyTooLong } from './bounded-fetch.ts'
import { localFailureOf } from './local-failure.ts'

/** What a failed request says about the call that it carried. */
export interface CallFailure {
  /** `refused`: the server did not get to it. `answered`: it said itself that it failed. `unknown`: it may have done it. */
  kind: 'refused' | 'answered' | 'unknown'
  /** For people and the log: made of our own words and of codes, never of a server's text. */
  reason: string
  /** The connection is of no use any more. */
  lost: boolean
  /** The same call could come out better. */
  retry: boolean
}

/** Errors of the system that come up before a request is sent. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT'
])
const TLS = /^(?:CERT_|DEPTH_ZERO|ERR_TLS_|ERR_SSL_|SELF_SIGNED|UNABLE_TO_)/

/** Of these a server says so instead of doing what it was asked. */
const REFUSED_STATUSES = new Set([400, 401, 403, 404, 405, 406, 411, 413, 415, 421, 422, 429])

export function explainFailure(error: unknown): CallFailure {
  const local = localFailureOf(error)
  if (local !== undefined) return { kind: 'unknown', ...local, lost: false }
  if (error instanceof SdkHttpError) return explainStatus(error.status)
  if (error instanceof SdkError) {
    // What happened to the first question says more than that it failed.
    if (error.code === SdkErrorCode.EraNegotiationFailed && error.cause !== undefined)
      return explainFailure(error.cause)
    return explainSdkError(error.code)
  }
  if (error instanceof ProtocolError) return answered(`it answered with error ${error.code}`)
  if (hasCause(error, BodyTooLong)) return unknown('its answer is too long', { retry: false })
  const code = codeOf(error)
  if (code !== undefined && (NOT_CONNECTED.has(code) || TLS.test(code)))
    return refused(`it cannot be reached (${code})`, { lost: true })
  return unknown(code === undefined ? 'the connection failed' : `the connection failed (${code})`, { lost: true })
}

/** Whether a server says that it does not know the tool, or not these arguments. */
export function isInputRefusal(error: unknown): error is ProtocolError {
  if (!(error instanceof ProtocolError) || localFailureOf(error) !== undefined) return false
  return error.code === ProtocolErrorCode.InvalidParams || error.code === ProtocolErrorCode.MethodNotFound
}

function explainStatus(status: number | undefined): CallFailure {
  const reason = `it answered HTTP ${status}`
  // 404: the server has forgotten the session; the protocol says to begin a new one.
  if (status !== undefined && REFUSED_STATUSES.has(status)) return refused(reason, { lost: status === 404 })
  return unknown(reason)
}

function explainSdkError(code: SdkErrorCode): CallFailure {
  switch (code) {
    case SdkErrorCode.NotConnected:
      return refused('it is not connected', { lost: true })
    case SdkErrorCode.ConnectionClosed:
      return unknown('it went away', { lost: true })
    case SdkErrorCode.RequestTimeout:
      return unknown('it did not answer in time', { retry: false })
    case SdkErrorCode.ClientHttpAuthentication:
    case SdkErrorCode.ClientHttpForbidden:
      return refused('it does not accept the credentials', { lost: false })
    default:
      return unknown(`it does not keep to the protocol (${code})`, { retry: false })
  }
}

function refused(reason: string, { lost }: { lost: boolean }): CallFailure {
  return { kind: 'refused', reason, lost, retry: lost }
}

function unknown(reason: string, { lost = false, retry = true } = {}): CallFailure {
  return { kind: 'unknown', reason, lost, retry }
}

function answered(reason: string): CallFailure {
  return { kind: 'answered', reason, lost: false, retry: false }
}

function codeOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > 4) return undefined
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown[] }
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return code
  return codeOf(cause, depth + 1) ?? codeOf(errors?.[0], depth + 1)
}

function hasCause(error: unknown, kind: new (message?: string) => Error, depth = 0): boolean {
  if (error instanceof kind) return true
  return error instanceof Error && depth < 4 && hasCause((error as Error).cause, kind, depth + 1)
}
