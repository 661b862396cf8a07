import { once } from 'node:events'
import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { HEADERS } from '@semibot/chat-protocol'
import { bodyOf, cutOff, type Drain, RequestError } from '@semibot/service-kit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OVERLOADED_RETRY_AFTER_SECONDS } from '../constants/config.ts'
import type { Peers } from './peers.ts'
import type { WorkerLink } from './worker-link.ts'

/** They are about one connection and not about the call (RFC 9110, section 7.6.1), or made anew. */
const NOT_PASSED_ON = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])

/**
 * Calls about an execution that another worker has are handed over to it by HTTP: the same routes, the same
 * checks, on a port of the loopback interface that only the workers know. It opens with the app, and the launcher
 * is told when both listen.
 */
export function createPeerServer(
  app: Pick<FastifyInstance, 'routing' | 'addHook'>,
  link: WorkerLink,
  drain: Drain
): Peers {
  const forwarded = new WeakSet<IncomingMessage>()
  // A connection for each call: one that is kept could be closed by the other side just as it is used again.
  const agent = new Agent({ keepAlive: false })
  const server = createServer((request, response) => {
    forwarded.add(request)
    app.routing(request, response)
  })
  app.addHook('onReady', async () => {
    // Exclusive: a port of this worker alone, in place of one that all share.
    server.listen({ host: '127.0.0.1', port: 0, exclusive: true })
    await once(server, 'listening')
  })
  app.addHook('onListen', async () => {
    link.tell({ kind: 'ready', port: (server.address() as AddressInfo).port })
  })
  app.addHook('onClose', async () => {
    agent.destroy()
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  const isForwarded = (request: FastifyRequest): boolean => forwarded.has(request.raw)
  return {
    isForwarded,
    find: (executionId) => link.ask('find', { executionId }),
    async forward(request, reply, port) {
      if (isForwarded(request)) throw away()
      const answer = await ask(agent, request, reply, port)
      reply.hijack()
      const body = bodyOf(reply.raw)
      drain.track({ raw: body, finish: () => {} })
      reply.raw.writeHead(answer.statusCode ?? 502, passedOn(answer.headers))
      reply.raw.flushHeaders()
      // A stream that breaks on one side is broken on the other: the caller sees that there is more.
      await pipeline(answer, body as Writable).catch(() => cutOff(body))
    }
  }
}

/** Sends the call to the worker at this port; resolves with the head of its answer. */
async function ask(agent: Agent, request: FastifyRequest, reply: FastifyReply, port: number): Promise<IncomingMessage> {
  const { raw, body, id } = request
  const headers = { ...passedOn(raw.headers), [HEADERS.requestId]: id }
  const call = send({ host: '127.0.0.1', port, agent, method: raw.method, path: raw.url, headers })
  // Who leaves before the answer wants none; an answer that has begun ends with the pipeline.
  const leave = (): void => void call.destroy()
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  call.once('response', resolve)
  call.once('error', (error) => reject(away(error)))
  if (reply.raw.closed) leave()
  else reply.raw.once('close', leave)
  if (body === undefined || body === null) call.end()
  else call.end(JSON.stringify(body))
  return await promise
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const passed: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':') && !NOT_PASSED_ON.has(name)) passed[name] = value
  }
  return passed
}

function away(cause?: unknown): RequestError {
  return new RequestError('RUNTIME_OVERLOADED', 'The worker that has this execution does not answer.', {
    retryAfterSeconds: OVERLOADED_RETRY_AFTER_SECONDS,
    cause
  })
}
