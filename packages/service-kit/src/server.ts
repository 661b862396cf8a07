import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { HEADERS, LIMITS } from '@semibot/chat-protocol'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  LogController,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault
} from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { answerClientError, answerError, type ErrorMapper, installErrorHandlers } from './error-handler.ts'
import { parseJsonBody } from './json-body.ts'
import { createSecureHttpServer } from './secure-server.ts'
import type { TlsMaterial } from './tls.ts'
import { installHttpSpans } from './tracing/http-spans.ts'
import { traceIdOf } from './tracing/traceparent.ts'
import { NO_TRACING, type Tracing } from './tracing/tracing.ts'

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
  /** Answers for errors that the app knows; asked before the general rules. */
  mapError?: ErrorMapper
  /** Records a span of every request but health checks and scrapes. Default: none. */
  tracing?: Tracing
  /** HTTPS with HTTP/2 and HTTP/1.1 in place of plain HTTP/1.1. */
  tls?: TlsMaterial | undefined
  /** How long the head of a request may take, milliseconds. Default 15 s. */
  headersTimeoutMs?: number
  /** How long a whole request may take to arrive, milliseconds. Default 30 s. */
  requestTimeoutMs?: number
}

/** Longer than the idle time of common load balancers (60 s), so that they close first. */
const KEEP_ALIVE_MS = 72_000
const REQUEST_ID = /^[\w-]{1,64}$/

/**
 * A Fastify server with the settings that both services share: request ids, body limits and a JSON parser that
 * survives hostile input, zod validation, one error envelope for everything, HTTP timeouts, no 503 while closing.
 */
export function createServer(options: ServerOptions): Server {
  const { logger, trustProxy = [], mapError, headersTimeoutMs = 15_000, requestTimeoutMs = 30_000 } = options
  const { tracing = NO_TRACING, tls } = options
  const http = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(5000, headersTimeoutMs)
  }
  const app = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: (request) => requestId(request.headers[HEADERS.requestId]),
    requestIdHeader: false,
    trustProxy: trustProxy.length === 0 ? false : trustProxy,
    bodyLimit: LIMITS.bodyBytes,
    return503OnClosing: false,
    // It bounds closing hooks as well, and a drain may take far longer than any start.
    pluginTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: requestTimeoutMs,
    http,
    ...(tls && {
      serverFactory: (listener: RequestListener) =>
        createSecureHttpServer(tls, { ...http, keepAliveTimeout: KEEP_ALIVE_MS }, KEEP_ALIVE_MS, listener)
    }),
    routerOptions: { maxParamLength: 200 },
    // A HEAD request must never start what a GET streams.
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    clientErrorHandler: answerClientError
  }).withTypeProvider<ZodTypeProvider>()

  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
  installHttpSpans(app, tracing)
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(HEADERS.requestId, request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const failed = reply.statusCode >= 500
    if (failed || logger.isLevelEnabled('debug')) {
      const fields = {
        traceId: traceIdOf(request.traceparent),
        method: request.method,
        route: request.routeOptions.url ?? 'unmatched',
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime)
      }
      if (failed) request.log.error(fields, 'request answered')
      else request.log.debug(fields, 'request answered')
    }
    done()
  })
  installErrorHandlers(app, mapError)
  return app
}

function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}
