import { z } from 'zod'
import { ERROR_CODES, type ErrorCode } from './error-codes.ts'

/** Answer that carries one thing: `{success: true, data}`. */
export function envelope<T extends z.ZodType>(data: T) {
  return z.object({ success: z.literal(true), data })
}

/** Answer that carries one page of a list. `nextCursor` is null on the last page. */
export function listEnvelope<T extends z.ZodType>(item: T) {
  return z.object({
    success: z.literal(true),
    data: z.array(item),
    meta: z.object({ nextCursor: z.string().nullable(), hasMore: z.boolean() })
  })
}

/** Every error answer outside the faces that have an error shape of their own. */
export const errorEnvelopeSchema = z.object({
  success: z.literal(false),
  error: z.object({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    requestId: z.string(),
    details: z.array(z.object({ path: z.string(), message: z.string() })).optional()
  })
})

export type ErrorEnvelope = z.infer<typeof errorEnvelopeSchema>

/** One field of a request that was not as expected. `path` is dotted, `""` for the whole body. */
export interface ErrorDetail {
  path: string
  message: string
}

/** Builds the error answer. */
export function errorEnvelope(
  code: ErrorCode,
  message: string,
  requestId: string,
  details?: ErrorDetail[]
): ErrorEnvelope {
  return { success: false, error: { code, message, requestId, ...(details === undefined ? {} : { details }) } }
}
