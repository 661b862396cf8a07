import type { Socket } from 'node:net'
import { errorEnvelope, HEADERS } from '@semibot/chat-protocol'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { RequestError } from './request-error.ts'
import { toRequestError } from './to-request-error.ts'
import { traceIdOf } from './tracing/traceparent.ts'

/** Turns an error into the answer to give; undefined leaves it to the rules of `toRequestError`. */
export type ErrorMapper = (error: unknown) => RequestError | undefined

/** Answers any error in the envelope, and logs what is our own fault. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, map?: ErrorMapper): void {
  const answer = map?.(error) ?? toRequestError(error)
  if (answer.code === 'INTERNAL') {
    const fields = { traceId: traceIdOf(request.traceparent), err: answer.cause ?? answer }
    request.log.error(fields, 'request failed unexpectedly')
  }
  void reply
    .code(answer.statusCode)
    .headers(answer.headers)
    .header(HEADERS.requestId, request.id)
    .type('application/json; charset=utf-8')
    // The envelope is the same whatever the route declares for its own answers.
    .serializer(JSON.stringify)
    .send(errorEnvelope(answer.code, answer.message, request.id, answer.details))
}

/** Installs the error handler and the not-found handler on the whole server. */
export function installErrorHandlers(app: FastifyInstance, map?: ErrorMapper): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, map))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!.slice(0, 200)
    answerError(new RequestError('NOT_FOUND', `There is no ${request.method} ${path}.`), request, reply)
  })
  app.addHook('onRoute', endAfterHijack)
}

/**
 * Fastify only logs what a handler throws after it has taken the response over, and the client would wait for
 * ever. Such a response is destroyed: a stream may break, but never stay silent.
 */
function endAfterHijack(route: RouteOptions): void {
  const { handler } = route
  route.handler = function handle(request, reply) {
    const destroyed = (error: unknown): boolean => {
      if (!reply.sent || reply.raw.writableEnded) return false
      request.log.error(
        { traceId: traceIdOf(request.traceparent), err: error },
        'request failed after its answer had begun'
      )
      reply.raw.destroy()
      return true
    }
    try {
      const result: unknown = handler.call(this, request, reply)
      if (!(result instanceof Promise)) return result
      return result.catch((error: unknown) => {
        if (!destroyed(error)) throw error
      })
    } catch (error) {
      if (!destroyed(error)) throw error
      return undefined
    }
  }
}

const CLIENT_ERRORS: Record<string, [status: string, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The request headers are too large.']
}

/** Answers what is not HTTP, or does not arrive in time, before a request exists; then the connection is closed. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // After the first byte of an answer, more bytes could only corrupt it.
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const [status, message] = CLIENT_ERRORS[error.code ?? ''] ?? ['400 Bad Request', 'This is not a valid HTTP request.']
  const body = JSON.stringify(errorEnvelope('VALIDATION_FAILED', message, ''))
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
