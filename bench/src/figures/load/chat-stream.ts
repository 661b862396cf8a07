import { connect, type Socket } from 'node:net'
import type { ChatRecord, LoadMessage } from './chat-load.ts'
import { ChatReader } from './chat-reader.ts'

/** The clock of every process on this machine, milliseconds since 1970. */
export function clock(): number {
  return performance.timeOrigin + performance.now()
}

export interface ChatStreamOptions {
  api: URL
  apiKey: string
  message: LoadMessage
  timeoutMs: number
  /** A connection that an earlier chat has left open. */
  idle: Socket[]
}

const END_OF_BODY = '\r\n0\r\n\r\n'

/**
 * One chat over a raw socket: a real HTTP client here would cost as much as the system under test. Reads the frames
 * of the native face; that HTTP's chunk sizes stand between them does no harm, since a chunk holds whole frames.
 */
export function runChat(options: ChatStreamOptions): Promise<ChatRecord> {
  const { api, apiKey, message, timeoutMs, idle } = options
  return new Promise((resolve) => {
    const reader = new ChatReader(message, clock())
    let rest = ''
    let isOver = false
    let isFirst = true
    const reused = idle.pop()
    const socket = reused ?? connect({ port: Number(api.port), host: api.hostname, noDelay: true })
    const timer = setTimeout(() => finish(`no end within ${timeoutMs} ms`), timeoutMs)

    function finish(problem: string): void {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      const { record } = reader
      record.endedAt = clock()
      reader.sawSomething(record.endedAt)
      record.problem = problem
      socket.removeAllListeners()
      socket.on('error', () => {})
      if (problem === '' && rest.endsWith(END_OF_BODY)) keep(socket, idle)
      else socket.destroy()
      resolve(record)
    }

    socket.on('data', (piece: Buffer) => {
      const now = clock()
      if (isFirst && !piece.subarray(0, 13).includes(' 200')) {
        return finish(`answered ${piece.subarray(0, 400).toString('latin1').replace(/\s+/g, ' ')}`)
      }
      isFirst = false
      rest += piece.toString('latin1')
      let from = 0
      for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n', from)) {
        reader.take(rest.slice(from, end), now)
        from = end + 2
      }
      rest = rest.slice(from)
      if (reader.ending !== undefined && rest.endsWith(END_OF_BODY)) finish(reader.ending)
    })
    socket.on('error', (error) => finish(`connection: ${error.message}`))
    socket.on('close', () => finish(reader.ending ?? 'the connection was closed before the end'))

    const body = JSON.stringify({ message: message.content })
    socket.write(
      `POST /api/v1/chat HTTP/1.1\r\nhost: ${api.host}\r\nauthorization: Bearer ${apiKey}\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    )
  })
}

/** Keeps a connection for a later chat, until the server closes it. */
function keep(socket: Socket, idle: Socket[]): void {
  idle.push(socket)
  socket.once('close', () => {
    const place = idle.indexOf(socket)
    if (place !== -1) idle.splice(place, 1)
  })
}
