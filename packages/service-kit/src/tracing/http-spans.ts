import { HEADERS } from '@semibot/chat-protocol'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { traceparentOf } from './traceparent.ts'
import type { Tracing } from './tracing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** W3C trace context of this request: its span's, else its caller's, else a new one. */
    readonly traceparent: string
    /** What `traceparent` gives, once somebody has asked. */
    traceContext: string
  }
}

/** Asked all the time by machines, and never part of a chat. */
const UNTRACED = new Set(['/health', '/ready', '/metrics', '/internal/probe'])

/**
 * Gives each request its `traceparent`, and a span where tracing is on.
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
 */
export function installHttpSpans(app: FastifyInstance, tracing: Tracing): void {
  app.decorateRequest('traceContext', '')
  app.decorateRequest('traceparent', {
    getter(this: FastifyRequest) {
      if (this.traceContext === '') this.traceContext = traceparentOf(this.headers[HEADERS.traceparent])
      return this.traceContext
    }
  })
  if (!tracing.enabled) return
  app.addHook('onRequest', (request, reply, done) => {
    const route = request.routeOptions.url ?? ''
    if (!UNTRACED.has(route)) beginSpan(tracing, request, reply, route)
    done()
  })
}

function beginSpan(tracing: Tracing, request: FastifyRequest, reply: FastifyReply, route: string): void {
  const header = request.headers[HEADERS.traceparent]
  const { method } = request
  const span = tracing.start(
    route === '' ? method : `${method} ${route}`,
    typeof header === 'string' ? header : undefined,
    {
      kind: 'server',
      attributes: {
        'http.request.method': method,
        // Without its query, which may hold what is nobody's business.
        'url.path': request.url.split('?', 1)[0],
        'url.scheme': request.protocol,
        'http.route': route === '' ? undefined : route,
        'semibot.request.id': request.id
      }
    }
  )
  request.traceContext = span.traceparent
  // Also where the reader of a stream goes away early, which Fastify does not report.
  reply.raw.once('close', () => {
    span.set({ 'http.response.status_code': reply.raw.statusCode })
    if (reply.raw.statusCode >= 500) span.fail(String(reply.raw.statusCode))
    span.end()
  })
}
