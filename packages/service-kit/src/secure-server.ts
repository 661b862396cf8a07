import type { Server as HttpServer, IncomingMessage, RequestListener, ServerOptions, ServerResponse } from 'node:http'
import { constants, createSecureServer, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { TlsMaterial } from './tls.ts'

/** Streams that one HTTP/2 connection may have open at once. */
const MAX_STREAMS = 1000

/**
 * A server that speaks HTTP/2 and HTTP/1.1 over TLS, as the client chooses by ALPN (RFC 7301). It passes as
 * Node's HTTP/1.1 server: requests and responses of HTTP/2 come in Node's compatibility form.
 * `idleMs`: a connection of HTTP/2 without any stream is closed after that.
 */
export function createSecureHttpServer(
  tls: TlsMaterial,
  options: ServerOptions,
  idleMs: number,
  listener: RequestListener
): HttpServer {
  const { cert, key } = tls
  const settings = { maxConcurrentStreams: MAX_STREAMS }
  const server = createSecureServer({ ...options, cert, key, allowHTTP1: true, settings }, (request, response) =>
    listener(request as unknown as IncomingMessage, response as unknown as ServerResponse & { req: IncomingMessage })
  )
  server.on('session', (session) => session.setTimeout(idleMs, () => session.close()))
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return Object.assign(server as unknown as HttpServer, {
    // Node's server has it for HTTP/1.1 only.
    closeAllConnections: () => {
      for (const socket of sockets) socket.destroy()
    }
  })
}

/** Takes a new certificate for the connections that follow. Does nothing to a server without TLS. */
export function replaceCertificate(server: object, { cert, key }: Pick<TlsMaterial, 'cert' | 'key'>): void {
  if ('setSecureContext' in server) (server.setSecureContext as (options: object) => void)({ cert, key })
}

/** What an HTTP/1.1 response and a stream of HTTP/2 have in common. */
export type ResponseBody = Pick<
  Writable,
  'write' | 'end' | 'destroy' | 'destroyed' | 'closed' | 'on' | 'once' | 'off' | 'writableLength' | 'writableFinished'
>

/**
 * Where the bytes of a response go: itself under HTTP/1.1, its stream under HTTP/2, whose response object has only
 * a part of a stream's properties.
 */
export function bodyOf(response: ServerResponse): ResponseBody {
  const given: unknown = response
  return given instanceof Http2ServerResponse ? given.stream : response
}

/**
 * Breaks an answer off in such a way that its reader sees that there is more: under HTTP/1.1 the connection, under
 * HTTP/2 the stream, which would look like one that has ended if it were only destroyed.
 */
export function cutOff(body: { destroy(): unknown; close?: (code: number) => void }): void {
  body.close?.(constants.NGHTTP2_INTERNAL_ERROR)
  body.destroy()
}
