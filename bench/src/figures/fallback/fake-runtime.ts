import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type ChatEventBody, type ExecuteRequest, SSE_HEADERS, sseEvent } from '@semibot/chat-protocol'

/** One execution that the api asks for. */
export interface RuntimeCall {
  body: ExecuteRequest
  response: ServerResponse
  /** Below HTTP: for answers that no HTTP server would give. */
  socket: Socket
}

export interface FakeRuntime {
  url: string
  /** Executions asked for so far. */
  readonly calls: number
  /** What it does with the next executions. Default: answers with the text. */
  behave: (call: RuntimeCall) => void
  stop(): void
}

/** A runtime that is healthy, passes every probe, and executes as it is told: for faults that a real one cannot show. */
export async function startFakeRuntime(text: string): Promise<FakeRuntime> {
  let calls = 0
  const runtime: FakeRuntime = {
    url: '',
    get calls() {
      return calls
    },
    behave: (call) => void call.socket.end(wholeAnswer(call.body, text)),
    stop() {
      server.closeAllConnections()
      server.close()
    }
  }
  const server = createServer((request, response) => {
    response.on('error', () => {})
    if (request.url !== '/api/v1/execute/stream') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"healthy"}')
      return
    }
    void readBody(request).then((body) => {
      calls++
      runtime.behave({ body: JSON.parse(body) as ExecuteRequest, response, socket: request.socket })
    })
  })
  // Answers are broken off on purpose.
  server.on('connection', (socket) => void socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  runtime.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return runtime
}

/** The events of a whole answer. */
export function eventsOf(body: ExecuteRequest, text: string): ChatEventBody[] {
  const { executionId, sessionId, messageId, agent } = body
  const mode = 'runtime_orchestrator'
  const half = text.length >> 1
  const usage = { inputTokens: 1, outputTokens: 2, totalTokens: 3 }
  return [
    {
      type: 'execution.started',
      executionId,
      sessionId,
      messageId,
      mode,
      attempt: 1,
      model: agent.model,
      instance: 'f'
    },
    { type: 'message.started', messageId },
    { type: 'message.delta', messageId, delta: text.slice(0, half) },
    { type: 'message.delta', messageId, delta: text.slice(half) },
    { type: 'message.completed', messageId, content: text, finishReason: 'stop' },
    { type: 'execution.completed', finishReason: 'stop', usage, mode, attempts: 1, latencyMs: 1 }
  ]
}

/**
 * The head of the answer, and each event as one chunk: what a well-behaved runtime puts on the wire, byte by byte. The
 * connection is not used again, since the HTTP server here does not know of the answer.
 */
export function answerParts(body: ExecuteRequest, text: string): { head: Buffer; events: Buffer[]; end: Buffer } {
  const headers = Object.entries({ ...SSE_HEADERS, 'transfer-encoding': 'chunked', connection: 'close' })
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  const events = eventsOf(body, text).map((event, index) => {
    const frame = sseEvent(event.type, JSON.stringify({ ...event, seq: index + 1, ts: Date.now() }), index + 1)
    return Buffer.from(`${Buffer.byteLength(frame).toString(16)}\r\n${frame}\r\n`)
  })
  return {
    head: Buffer.from(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`),
    events,
    end: Buffer.from('0\r\n\r\n')
  }
}

/** All bytes of a whole answer. */
export function wholeAnswer(body: ExecuteRequest, text: string): Buffer {
  const { head, events, end } = answerParts(body, text)
  return Buffer.concat([head, ...events, end])
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}
