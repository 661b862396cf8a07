import type { ErrorCode } from '@semibot/chat-protocol'
import type { TestOrganization } from '../helpers/build-test-app.ts'
import type { RawRequest } from '../helpers/raw-http.ts'

/** What the cases may refer to. */
export interface BadInputContext {
  acme: TestOrganization
  /** A session of another organisation. */
  foreignSessionId: string
}

/** One row of docs/bad-input.md. */
export interface BadInputCase {
  what: string
  /** A request, or bytes that are none. */
  request: (context: BadInputContext) => RawRequest | Buffer
  status: number
  /** `error.code`; undefined when the input is accepted. */
  code?: ErrorCode
  /** `error.message`, or what becomes of accepted input. */
  message: string
}

/** No row of any table has this id. */
export const UNKNOWN_ID = '0198a1b2-0000-7000-8000-000000000000'

/** A chat call of a member with this body, as it is or as JSON. */
export function chat(body: string | Buffer | object, headers: Record<string, string> = {}): BadInputCase['request'] {
  return ({ acme }) => ({
    method: 'POST',
    path: '/api/v1/chat',
    headers: { ...acme.member.headers, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  })
}

/** A GET of a member. */
export function get(path: string, headers: Record<string, string> = {}): BadInputCase['request'] {
  return ({ acme }) => ({ method: 'GET', path, headers: { ...acme.member.headers, ...headers } })
}
