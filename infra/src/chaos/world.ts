import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ERROR_TABLE, type ErrorCode } from '@semibot/chat-protocol'
import { bodyOf, type Call, call, NoAnswer } from './http.ts'
import type { Random } from './random.ts'
import type { Report } from './report.ts'
import type { ChaosStack } from './stack.ts'
import type { Told } from './told.ts'

export type Mode = 'runtime' | 'direct'

/** One chat that a client has sent, and all that it was told of it. */
export interface Chat {
  /** Stored with the message: unique, also where the chat is sent again. */
  clientMessageId: string
  kind: string
  mode: Mode
  /** The tool that it calls, and how often. */
  tool?: { name: string; steps: number }
  /** Known from the first answer on; all that any answer has named. */
  executionIds: Set<string>
  sessionId: string | undefined
  /** One for each reader. */
  told: Told[]
  /** How the end was told where it was the whole answer. */
  answered?: { status: number; content: string | undefined }
  /** Its session is deleted while it runs: from then on nobody may find it. */
  isDeleted?: boolean
  /** The client was told that nothing was begun, and did not ask again. */
  wasRefused?: boolean
}

/** What the clients of a round share. */
export interface World {
  stack: ChaosStack
  report: Report
  chats: Chat[]
  /** Set when no new chats begin. */
  stopping: boolean
}

/** Longest wait for the headers of an answer: JSON comes after the whole execution, and that may wait for the database. */
export const ANSWER_MS = 90_000
/** From when on a chat that has not been told its end hangs: its own deadline, a dead owner's time, and faults on the way. */
export const PATIENCE_MS = 120_000
export const RETRY_MS = 300

export interface Failure {
  status: number
  code: ErrorCode
  /** The chat was not begun, or is under way: the same call may be made again. */
  mayComeAgain: boolean
}

/** An answer that is no success, or none at all. Everything is counted; what no fault excuses is a violation. */
export async function ask(
  { stack, report }: World,
  api: number,
  mode: Mode,
  path: string,
  { mayBeGone = false, ...options }: Omit<Call, 'url' | 'key' | 'timeoutMs'> & { mayBeGone?: boolean } = {}
): Promise<{ response: IncomingMessage } | { failure: Failure } | { noAnswer: string }> {
  const url = `${stack.apis[api]?.url}/api/v1${path}`
  const what = `${options.method ?? 'GET'} ${path.replace(/[0-9a-f-]{36}/, ':id')}`
  try {
    const response = await call({ url, key: stack.orgs[mode].apiKey, timeoutMs: ANSWER_MS, ...options })
    const status = response.statusCode ?? 0
    if (status < 400) return { response }
    const body = (await bodyOf(response)) as { error?: { code?: string; message?: string } }
    const code = body.error?.code as ErrorCode
    report.count(`refused: ${status} ${code}`)
    report.checked('errors')
    const blame = mayBeGone && code === 'NOT_FOUND' ? undefined : wrongWith(status, code)
    if (blame !== undefined)
      report.violated('errors', `${what} at ${stack.apis[api]?.name}: ${blame}: ${JSON.stringify(body.error)}`)
    const isEnd = response.headers['x-should-retry'] === 'false' && code !== 'SESSION_BUSY'
    return { failure: { status, code, mayComeAgain: !isEnd && [409, 429, 503].includes(status) } }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    report.count(`no answer: ${error.reason}`)
    return { noAnswer: error.reason }
  }
}

/** Errors of the caller that may come all the same: what it asks for is being done, or is elsewhere. */
const BUSY: ReadonlySet<ErrorCode> = new Set(['SESSION_BUSY', 'EVENTS_EXPIRED'])

function wrongWith(status: number, code: ErrorCode): string | undefined {
  const traits = ERROR_TABLE[code]
  if (traits === undefined) return `${status} ${code} is not documented`
  if ((traits.clientStatus ?? traits.status) !== status) return `${code} with the status ${status}`
  const isCallers = traits.class === 'request' || traits.class === 'access' || code === 'PAYLOAD_TOO_LARGE'
  return isCallers && !BUSY.has(code) ? `${status} ${code} for a call that is right` : undefined
}

/** The other one of two. */
export function other(api: number): number {
  return 1 - api
}

export async function shortPause(random: Random): Promise<void> {
  await delay(random.between(50, 400))
}
