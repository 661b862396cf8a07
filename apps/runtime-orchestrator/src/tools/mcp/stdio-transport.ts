import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  SdkError,
  SdkErrorCode,
  type Transport
} from '@modelcontextprotocol/client'
import { exceedsDepth } from '@semibot/service-kit'
import { MCP_LIMITS, MCP_TIMES } from '../../constants/mcp.ts'
import { type GroupedChild, startGrouped } from './child-process.ts'
import { createFloodGate } from './flood-gate.ts'
import { createLineReader, type LongLine } from './line-reader.ts'
import { failLocally, LocalFailure } from './local-failure.ts'
import type { StdioEndpoint } from './server-config.ts'

export interface StdioTransportOptions {
  endpoint: StdioEndpoint
  /** One line of standard error. */
  onStderr: (line: string) => void
  /** The child ended, or its connection was ended here, for this reason; before `onclose`. */
  onEnd: (reason: string) => void
}

/** Why a connection is over that was ended here and for no reason of its own. */
export const CLOSED = 'closed'

/** Where an id stands in a message that was too long to read, by how servers write them. */
const ID_AT_HEAD = /^\{"jsonrpc":"2\.0","id":(\d{1,15}),/
const ID_AT_TAIL = /,"id":(\d{1,15})(?:,"jsonrpc":"2\.0")?\}\r?$/
const ID_BYTES = 100

/**
 * Messages as lines on a child's standard input and output. Beside what the SDK's own transport does, it ends the
 * child's whole process group, also when this process is killed; it bounds how much and how fast the child may send; and
 * a message that is too long costs the one call that it answers, not the connection.
 */
export class StdioTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #options: StdioTransportOptions
  readonly #admit = createFloodGate(MCP_LIMITS.flood)
  #child: GroupedChild | undefined
  #ended = false
  #reason: string | undefined

  constructor(options: StdioTransportOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const child = startGrouped(this.#options.endpoint)
    this.#child = child
    const readOutput = createLineReader({
      maxBytes: MCP_LIMITS.messageBytes,
      onLine: (line) => this.#receive(line),
      onLongLine: (line) => this.#receiveLong(line)
    })
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.#ended) readOutput(chunk)
    })
    const readNoise = createLineReader({
      maxBytes: MCP_LIMITS.stderr.lineLength,
      onLine: (line) => this.#options.onStderr(line.toString('utf8')),
      onLongLine: ({ head }) => this.#options.onStderr(`${Buffer.from(head, 'latin1').toString('utf8')}...`)
    })
    throttle(child.stderr, readNoise)
    void child.exited.then((reason) => this.#end(reason))
  }

  /** Resolves when the child's input has taken the message. @throws SdkError when the child is gone */
  send(message: JSONRPCMessage): Promise<void> {
    const child = this.#child
    if (child === undefined || this.#ended || !child.running() || !child.stdin.writable)
      return Promise.reject(new SdkError(SdkErrorCode.NotConnected, 'the server is not running'))
    if (child.stdin.writableLength > MCP_LIMITS.unreadBytes) this.abandon('it does not read its input')
    return new Promise((resolve, reject) => {
      child.stdin.write(`${JSON.stringify(message)}\n`, (error) => {
        // Mostly because the child has just ended; that says more.
        if (error) void isOver(child.exited, MCP_TIMES.closeMs.term).then(() => reject(error))
        else resolve()
      })
    })
  }

  /** Ends the child: its input first, then SIGTERM, then SIGKILL to all of its group. Resolves when it is gone. */
  async close(reason = CLOSED): Promise<void> {
    const child = this.#child
    // Of one that has ended by itself, its own reason is told.
    if (child === undefined || child.running()) this.#reason ??= reason
    if (child !== undefined) {
      const { stdin, term } = MCP_TIMES.closeMs
      child.stdin.end()
      if (!(await isOver(child.exited, stdin))) {
        child.terminate()
        if (!(await isOver(child.exited, term))) child.kill()
      }
      await child.exited
    }
    this.#end(reason)
  }

  /** The same at once, for a server that hangs or does not keep to the rules. */
  abandon(reason: string): void {
    this.#reason ??= reason
    this.#child?.kill()
    this.#end(reason)
  }

  #receive(line: Buffer): void {
    if (!this.#accept(line.length)) return
    if (exceedsDepth(line, MCP_LIMITS.messageDepth)) {
      this.#failCallOf(line, 'its answer is nested too deep')
      return
    }
    try {
      this.onmessage?.(parseJSONRPCMessage(JSON.parse(line.toString('utf8'))))
    } catch (error) {
      // Many programs greet on standard output; what is no message is left out.
      this.onerror?.(error instanceof Error ? error : new Error('unknown error'))
    }
  }

  #receiveLong({ bytes, head, tail }: LongLine): void {
    if (this.#accept(bytes))
      this.#failCallOf(Buffer.from(head + tail), `its answer has ${bytes} bytes, more than can be read`)
  }

  #accept(bytes: number): boolean {
    if (this.#ended) return false
    const fits = this.#admit(bytes)
    if (!fits) this.abandon('it sent more than it may')
    return fits
  }

  /** Of a message that is not read. One whose call cannot be found out leaves that to its timeout. */
  #failCallOf(message: Buffer, what: string): void {
    const head = message.toString('latin1', 0, ID_BYTES)
    const tail = message.toString('latin1', Math.max(0, message.length - ID_BYTES))
    const id = ID_AT_HEAD.exec(head)?.[1] ?? ID_AT_TAIL.exec(tail)?.[1]
    if (id !== undefined) this.onmessage?.(failLocally(Number(id), new LocalFailure(what, false)))
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.onEnd(this.#reason ?? reason)
    this.onclose?.()
  }
}

async function isOver(exited: Promise<unknown>, withinMs: number): Promise<boolean> {
  const timer = new AbortController()
  try {
    const late = delay(withinMs, false, { signal: timer.signal }).catch(() => false)
    return await Promise.race([exited.then(() => true), late])
  } finally {
    timer.abort()
  }
}

/** Hands on what a stream gives, but stops reading until the end of the window whenever it gave too much. */
function throttle(stream: Readable, take: (chunk: Buffer) => void): void {
  const { bytes, windowMs } = MCP_LIMITS.stderr
  const admit = createFloodGate({ bytes, windowMs, messages: Infinity })
  stream.on('data', (chunk: Buffer) => {
    take(chunk)
    if (admit(chunk.length)) return
    stream.pause()
    setTimeout(() => stream.resume(), windowMs).unref()
  })
}
