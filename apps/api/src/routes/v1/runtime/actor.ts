import { actorSchema, HEADERS } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { FastifyRequest } from 'fastify'

/**
 * Who gives an order, for the history: the name of the token, and the person that `x-actor` names.
 *
 * @throws RequestError VALIDATION_FAILED when the header is not a short word
 */
export function actorOf({ operator, headers }: Pick<FastifyRequest, 'operator' | 'headers'>): string {
  const person = headers[HEADERS.actor]
  if (person === undefined) return operator
  const parsed = actorSchema.safeParse(person)
  if (parsed.success) return `${operator}/${parsed.data}`
  const message = parsed.error.issues[0]?.message ?? 'is not valid'
  throw new RequestError('VALIDATION_FAILED', `${HEADERS.actor} ${message}.`, {
    details: [{ path: HEADERS.actor, message }]
  })
}
