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
  [HEADERS.orgId]: z.string().toLowerCase().optional(),
  [HEADERS.resume]: z.enum(['1'], 'must be 1').optional()
})

/** What of a request says how it is to be run. */
export interface ExecuteCall {
  headers: z.infer<typeof executeHeadersSchema>
  body: ExecuteRequest
  /** The request's id. */
  id: string
  traceparent: string
}

/**
 * What a request means for its execution.
 * @throws RequestError when x-org-id names another organisation than the body
 */
export function readCall({ headers, body, id, traceparent }: ExecuteCall, timeoutMs: number): ExecutionCall {
  const orgId = headers[HEADERS.orgId]
  if (orgId !== undefined && orgId !== body.orgId)
    throw new RequestError(
      'VALIDATION_FAILED',
      `The header ${HEADERS.orgId} and orgId of the body name different organisations.`
    )
  const asked = (headers[HEADERS.requestTimeoutMs] as number | undefined) ?? timeoutMs
  return {
    requestId: id,
    attempt: (headers[HEADERS.attempt] as number | undefined) ?? 1,
    budgetMs: Math.min(timeoutMs, asked) - DEADLINE_MARGIN_MS,
    traceparent
  }
}
