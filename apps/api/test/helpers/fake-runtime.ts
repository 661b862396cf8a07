import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type ChatEventBody,
  type ExecuteRequest,
  executeRequestSchema,
  SSE_HEADERS,
  sseEvent
} from '@semibot/chat-protocol'
import type { Test } from 'tap'

/** One call that reached the fake runtime. */
export interface RuntimeCall {
  headers: IncomingMessage['headers']
  body: ExecuteRequest
  response: ServerResponse
  /** Sends events in the runtime's framing. */
  send(...events: ChatEventBody[]): void
  /** The events every run begins with. */
  begin(): void
  /** Text, its end, and the terminal event. */
  finish(text: string): void
  closed: Promise<void>
}

export const USAGE = { inputTokens: 3, outputTokens: 2, totalTokens: 5 }

export interface FakeRuntimeOptions {
  /** Status of the answer to probes. Default 200. */
  probeStatus?: number
}

/** A real HTTP server that speaks the runtime's protocol, rightly or wrongly, as the test says. */
export async function startFakeRuntime(
  t: Test,
  behave: (call: RuntimeCall) => void,
  { probeStatus = 200 }: FakeRuntimeOptions = {}
) {
  const calls: RuntimeCall[] = []
  const server = createServer((request, response) => {
    if (request.url !== '/api/v1/execute/stream') {
      // Health checks and probes.
      const status = request.url === '/internal/probe' ? probeStatus : 200
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"status":"healthy"}')
      return
    }
    void readBody(request).then((text) => {
      const call = createCall(request, response, executeRequestSchema.parse(JSON.parse(text)))
      calls.push(call)
      behave(call)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls, server }
}

function createCall(request: IncomingMessage, response: ServerResponse, body: ExecuteRequest): RuntimeCall {
  const { executionId, sessionId, messageId, agent } = body
  let seq = 0
  const send = (...events: ChatEventBody[]) => {
    if (!response.headersSent) response.writeHead(200, SSE_HEADERS)
    for (const event of events) {
      seq++
      response.write(sseEvent(event.type, JSON.stringify({ ...event, seq, ts: Date.now() }), seq))
    }
  }
  return {
    headers: request.headers,
    body,
    response,
    send,
    begin: () =>
      send({
        type: 'execution.started',
        executionId,
        sessionId,
        messageId,
        mode: 'runtime_orchestrator',
        attempt: 1,
        model: agent.model,
        instance: 'fake'
      }),
    finish: (text) => {
      send(
        { type: 'message.started', messageId },
        { type: 'message.delta', messageId, delta: text },
        { type: 'message.completed', messageId, content: text, finishReason: 'stop' },
        {
          type: 'execution.completed',
          finishReason: 'stop',
          usage: USAGE,
          mode: 'runtime_orchestrator',
          attempts: 1,
          latencyMs: 1
        }
      )
      response.end()
    },
    closed: new Promise((resolve) => response.once('close', resolve))
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
