import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'

/** Stands between the api and a runtime, and can do what a sick runtime does. */
export interface RuntimeDoor {
  /** To be used instead of the runtime. Without a slash at the end. */
  url: string
  /** Executions that were answered with an error so far. */
  readonly failed: number
  /** This share (0 to 1) of the executions is answered with an internal error, evenly spread. */
  fail(share: number): void
  /** Connections are refused, open ones broken. */
  close(): Promise<void>
  /** Everything passes as it is. */
  open(): Promise<void>
}

export interface RuntimeDoorOptions {
  /** Its own port on 127.0.0.1. */
  port: number
  /** The runtime's, there as well. */
  targetPort: number
}

const EXECUTIONS = '/api/v1/execute'

/** Starts a door that lets everything pass. */
export async function openRuntimeDoor({ port, targetPort }: RuntimeDoorOptions): Promise<RuntimeDoor> {
  const agent = new Agent({ keepAlive: true })
  let server: Server | undefined
  let share = 0
  let executions = 0
  let failed = 0

  function isToFail(call: IncomingMessage): boolean {
    if (!call.url?.startsWith(EXECUTIONS)) return false
    executions++
    return Math.floor(executions * share) > Math.floor((executions - 1) * share)
  }

  function pass(call: IncomingMessage, answer: ServerResponse): void {
    if (isToFail(call)) {
      failed++
      call.resume()
      answer.writeHead(500, { 'content-type': 'text/plain' }).end('drill')
      return
    }
    const { method, url, headers } = call
    const inner = request({ agent, host: '127.0.0.1', port: targetPort, method, path: url, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      answer.flushHeaders()
      reply.on('error', () => answer.destroy()).pipe(answer)
    })
    inner.on('error', () => answer.destroy())
    answer.on('close', () => inner.destroy())
    call.on('error', () => inner.destroy()).pipe(inner)
  }

  const door: RuntimeDoor = {
    url: `http://127.0.0.1:${port}`,
    get failed() {
      return failed
    },
    fail: (value) => {
      share = value
      executions = 0
    },
    open: async () => {
      share = 0
      if (server !== undefined) return
      server = createServer(pass)
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    close: async () => {
      const closing = server
      server = undefined
      if (closing === undefined) return
      const closed = once(closing, 'close')
      closing.close()
      closing.closeAllConnections()
      await closed
    }
  }
  await door.open()
  return door
}
