import { type ExecuteRequest, HEADERS } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import { z } from 'zod'
import { DEADLINE_MARGIN_MS } from '../../constants/config.ts'
import type { ExecutionCall } from '../../engine/execution-engine.ts'

const MAX_TIMER_MS = 2 ** 31 - 1

const milliseconds = z.coerce
  .number(`must be a whole number of milliseconds, 1 to ${MAX_TIMER_MS}`)
  .int()
  .min(1)
  .max(MAX_TIMER_MS)

/** The headers that say how a request is to be run; all others are left alone. */
export const executeHeadersSchema = z.looseObject({
  [HEADERS.requestTimeoutMs]: milliseconds.optional(),
  [HEADERS.attempt]: z.coerce.number('must be a whole number, 1 to 100').int().min(1).max(100).optional(),
  [HEADERS.orgId]: z.string().optional(),
  [HEADERS.resume]: z.enum(['1'], 'must be 1').optional(),
  [HEADERS.traceparent]: z.string().optional()
})

/** W3C trace context, version 00. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * What the headers of a request mean for its execution.
 * @throws RequestError when x-org-id names another organisation than the body
 */
export function readCall(
  headers: z.infer<typeof executeHeadersSchema>,
  request: ExecuteRequest,
  requestId: string,
  timeoutMs: number
): ExecutionCall {
  const orgId = headers[HEADERS.orgId]
  if (orgId !== undefined && orgId !== request.orgId)
    throw new RequestError(
      'VALIDATION_FAILED',
      `The header ${HEADERS.orgId} and orgId of the body name different organisations.`
    )
  const asked = (headers[HEADERS.requestTimeoutMs] as number | undefined) ?? timeoutMs
  const traceparent = headers[HEADERS.traceparent] as string | undefined
  return {
    requestId,
    attempt: (headers[HEADERS.attempt] as number | undefined) ?? 1,
    budgetMs: Math.min(timeoutMs, asked) - DEADLINE_MARGIN_MS,
    // A broken trace header is no reason to refuse a chat: the trace begins anew.
    ...(traceparent !== undefined && TRACEPARENT.test(traceparent) ? { traceparent } : {})
  }
}
