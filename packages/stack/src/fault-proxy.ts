import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { freePort } from './claim.ts'
import { type FaultSource, relay } from './fault-relay.ts'

/** What goes wrong between two services. */
export type Fault =
  /** Everything passes as it is. */
  | { kind: 'none' }
  /** New connections are refused, open ones reset. */
  | { kind: 'refuse' }
  /** Connections are accepted and nothing moves on them in either direction. */
  | { kind: 'hang' }
  /** Each piece of the answer comes this much later, in milliseconds. */
  | { kind: 'delay'; ms: number }
  /** After this many bytes of answer on a connection it is reset, or closed as if the answer were complete. */
  | { kind: 'cut'; afterBytes: number; how?: 'reset' | 'close' }
  /** Each request is answered by the proxy itself, over HTTP/1.1, and the connection closed. */
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string }
  /** The answer comes in pieces of `bytes` (default 1), one each `intervalMs`. */
  | { kind: 'drip'; intervalMs: number; bytes?: number }
  /** The answer's bytes are replaced by as many random ones, from byte `afterBytes` (default 0) of a connection on. */
  | { kind: 'garbage'; afterBytes?: number }

export interface FaultProxyOptions {
  /** What is behind: `http://127.0.0.1:8000`. */
  target: string
  /** Own port on 127.0.0.1. Default: a free one. */
  port?: number
  /** At the start. Default none. */
  fault?: Fault
}

export interface FaultProxy {
  /** To be used instead of the target. Without a slash at the end. */
  url: string
  port: number
  readonly fault: Fault
  /** Connections open now, and accepted since the start. */
  readonly connections: { open: number; accepted: number }
  /** Changes the fault, for open connections too; byte counts of `cut` and `garbage` begin anew. */
  set(fault: Fault): Promise<void>
  /** Resets all connections and closes the port. */
  stop(): Promise<void>
}

/** Starts a TCP proxy on 127.0.0.1 that can do the transport harm that a network or a sick process does. */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = new URL(options.target)
  const port = options.port ?? (await freePort())
  const open = new Set<Socket>()
  let accepted = 0
  let server: Server | undefined
  let change = new AbortController()
  const source: FaultSource = {
    fault: options.fault ?? { kind: 'none' },
    get changed() {
      return change.signal
    }
  }

  function accept(client: Socket): void {
    accepted++
    open.add(client)
    client.once('close', () => open.delete(client))
    relay(client, { host: target.hostname, port: Number(target.port || 80) }, source)
  }

  async function listen(): Promise<void> {
    if (server) return
    server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }

  async function close(): Promise<void> {
    const closing = server
    server = undefined
    for (const socket of open) socket.resetAndDestroy()
    if (!closing) return
    closing.close()
    await once(closing, 'close')
  }

  async function set(fault: Fault): Promise<void> {
    source.fault = fault
    const previous = change
    change = new AbortController()
    previous.abort()
    if (fault.kind === 'refuse') await close()
    else await listen()
  }

  await set(source.fault)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get fault() {
      return source.fault
    },
    get connections() {
      return { open: open.size, accepted }
    },
    set,
    stop: close
  }
}
