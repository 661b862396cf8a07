import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  StreamableHTTPClientTransport,
  type Transport,
  type TransportSendOptions
} from '@modelcontextprotocol/client'
import { MCP_LIMITS, MCP_TIMES } from '../../constants/mcp.ts'
import { createBoundedFetch } from './bounded-fetch.ts'
import { createFloodGate } from './flood-gate.ts'
import { failLocally, LocalFailure } from './local-failure.ts'
import type { HttpEndpoint } from './server-config.ts'
import { CLOSED } from './stdio-transport.ts'

export interface HttpTransportOptions {
  endpoint: HttpEndpoint
  /** Why the connection was ended; before `onclose`. */
  onEnd: (reason: string) => void
}

const NO_ANSWER = new LocalFailure('its stream ended without an answer', true)

/** The same as TransportSendOptions, but for `undefined` under exactOptionalPropertyTypes. */
type SendOptions = NonNullable<Parameters<StreamableHTTPClientTransport['send']>[1]>

/**
 * The SDK's streamable HTTP with bounds: of each answer, of the number of messages, of how often a stream is opened
 * again. A call whose stream ends without its answer fails at once, and one that is given up lets its socket go.
 */
export class HttpTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly hasPerRequestStream = true
  readonly #onEnd: (reason: string) => void
  readonly #inner: StreamableHTTPClientTransport
  readonly #admit = createFloodGate(MCP_LIMITS.flood)
  /** Requests without an answer so far; aborting lets go of what they hold. */
  readonly #waiting = new Map<number | string, AbortController>()
  #replies = 0
  #ended = false

  constructor({ endpoint: { url, headers }, onEnd }: HttpTransportOptions) {
    this.#onEnd = onEnd
    this.#inner = new StreamableHTTPClientTransport(url, {
      requestInit: { headers },
      fetch: createBoundedFetch(MCP_LIMITS.messageBytes),
      // The server may ask for any delay, also for none.
      reconnectionScheduler: (reconnect, delayMs) => {
        const timer = setTimeout(reconnect, Math.min(Math.max(delayMs, MCP_TIMES.streamRetryMs), MCP_TIMES.refreshMs))
        timer.unref()
        return () => clearTimeout(timer)
      }
    })
    this.#inner.onmessage = (message) => this.#receive(message)
    this.#inner.onerror = (error) => this.onerror?.(error)
    this.#inner.onclose = () => this.#end(CLOSED)
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId
  }

  setProtocolVersion(version: string): void {
    this.#inner.setProtocolVersion(version)
  }

  start(): Promise<void> {
    return this.#inner.start()
  }

  async send(message: JSONRPCMessage, options: TransportSendOptions = {}): Promise<void> {
    if (!isJSONRPCRequest(message)) {
      try {
        await this.#reply(message, options)
      } finally {
        this.#letGo(message)
      }
      return
    }
    const { id } = message
    const abort = new AbortController()
    this.#waiting.set(id, abort)
    const { requestSignal, onRequestStreamEnd } = options
    try {
      await this.#inner.send(message, {
        ...(options as SendOptions),
        requestSignal: requestSignal === undefined ? abort.signal : AbortSignal.any([abort.signal, requestSignal]),
        onRequestStreamEnd: () => {
          onRequestStreamEnd?.()
          if (this.#waiting.delete(id)) this.onmessage?.(failLocally(id, NO_ANSWER))
        }
      })
    } catch (error) {
      this.#waiting.delete(id)
      throw error
    }
  }

  /** Ends the session at the server, as far as that is quickly done, and all that is under way. */
  async close(reason = CLOSED): Promise<void> {
    if (this.#ended) return
    const late = AbortSignal.timeout(MCP_TIMES.closeMs.stdin)
    await Promise.race([
      this.#inner.terminateSession().catch(() => undefined),
      new Promise<void>((resolve) => late.addEventListener('abort', () => resolve(), { once: true }))
    ])
    this.#end(reason)
    await this.#inner.close()
  }

  /** Ends all that is under way, without a word to the server. */
  abandon(reason: string): void {
    this.#end(reason)
    void this.#inner.close()
  }

  /** Sends what gets no answer. A server that asks and asks is not answered any more. */
  async #reply(message: JSONRPCMessage, options: TransportSendOptions): Promise<void> {
    if (this.#replies >= MCP_LIMITS.concurrentReplies) throw new Error('too many answers are under way')
    this.#replies += 1
    try {
      const requestSignal = AbortSignal.timeout(MCP_TIMES.replyMs)
      await this.#inner.send(message, { ...(options as SendOptions), requestSignal })
    } finally {
      this.#replies -= 1
    }
  }

  #receive(message: JSONRPCMessage): void {
    if (this.#ended) return
    // Bytes are counted where they arrive.
    if (!this.#admit(0)) {
      this.abandon('it sent more messages than it may')
      return
    }
    if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) {
      if (message.id !== undefined) this.#waiting.delete(message.id)
    }
    this.onmessage?.(message)
  }

  /** The protocol gives a request up by a notification. */
  #letGo(message: JSONRPCMessage): void {
    if (!isJSONRPCNotification(message) || message.method !== 'notifications/cancelled') return
    const id = message.params?.requestId as number | string
    this.#waiting.get(id)?.abort()
    this.#waiting.delete(id)
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting.clear()
    this.#onEnd(reason)
    this.onclose?.()
  }
}
