import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'

/** A Fastify server whose routes take zod schemas. */
export type Server = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

export interface ServerOptions {
  logger: Logger
  /** Addresses or networks of the proxies whose forwarded headers are believed. Default: none. */
  trustProxy?: string[] | undefined
}

export function createServer(_options: ServerOptions): Server {
  throw new Error('being written')
}
