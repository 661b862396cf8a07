import { setTimeout as delay } from 'node:timers/promises'
import type { McpMetrics } from '@semibot/metrics'
import type { DependencyReport } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../../constants/log-messages.ts'
import { MCP_LIMITS, MCP_TIMES } from '../../constants/mcp.ts'
import { backoffMs } from './backoff.ts'
import { explainFailure } from './call-failure.ts'
import { cleanText, hiddenError, hideSecrets } from './clean-text.ts'
import { type Connection, type Handshake, openConnection, ServerEnded } from './connection.ts'
import { createFloodGate } from './flood-gate.ts'
import type { McpServerConfig } from './server-config.ts'
import { compareTools } from './tool-changes.ts'
import { type ListedTool, readToolList } from './tool-list.ts'

export interface McpServerParts {
  config: McpServerConfig
  /** Of this service, told to the server. */
  version: string
  metrics: McpMetrics
  logger: FastifyBaseLogger
}

/** The last lines of a child's standard error, for the log when it ends. */
const LAST_LINES = 5

/**
 * Keeps the connection to one server: opens it at once, opens it again with growing waits whenever it is lost, and keeps
 * the list of its tools up to date, which also finds out servers that hang.
 */
export class McpServer {
  readonly config: McpServerConfig
  /** Resolves when the first attempt to connect is over, however it went. */
  readonly firstAttempt: Promise<void>
  readonly #parts: McpServerParts
  readonly #closing = new AbortController()
  readonly #life: Promise<void>
  readonly #admitStderr = createFloodGate({
    windowMs: MCP_LIMITS.stderr.windowMs,
    messages: MCP_LIMITS.stderr.lines,
    bytes: Infinity
  })
  #connection: Connection | undefined
  /** Resolves with the next connection. */
  #next = Promise.withResolvers<Connection>()
  #tools: readonly ListedTool[] = []
  /** Why there is no connection; undefined before the first attempt is over. */
  #reason: string | undefined
  /** The loss was logged. */
  #announced = false
  #downSince = performance.now()
  #refreshing: Promise<void> | undefined
  #refreshedAt = -Infinity
  #changed: NodeJS.Timeout | undefined
  #lastLines: string[] = []
  /** The one that worked, or the one to be tried next. */
  #handshake: Handshake
  /** As it was logged last. */
  #leftOut = '[]'

  constructor(parts: McpServerParts) {
    this.#parts = parts
    this.config = parts.config
    this.#handshake = parts.config.endpoint.kind === 'http' ? 'ask' : 'initialize'
    const { promise, resolve } = Promise.withResolvers<void>()
    this.firstAttempt = promise
    this.#life = this.#live(resolve)
  }

  /** As its last list said, also while it is away: whoever calls one then waits for it, or is told. */
  get tools(): readonly ListedTool[] {
    return this.#tools
  }

  report(): DependencyReport {
    if (this.#connection !== undefined) return { state: 'up', detail: `${this.#tools.length} tools` }
    return this.#reason === undefined
      ? { state: 'unknown', detail: 'connecting' }
      : { state: 'down', detail: this.#reason }
  }

  /** The connection; waits a little for a server that was lost just now. @throws the reason of `signal` */
  async connected(signal: AbortSignal): Promise<Connection | undefined> {
    if (this.#connection !== undefined) return this.#connection
    const patienceMs = this.#downSince + MCP_TIMES.reconnectWaitMs - performance.now()
    if (patienceMs <= 0) return undefined
    const over = new AbortController()
    try {
      const late = delay(patienceMs, undefined, { signal: AbortSignal.any([signal, over.signal]) })
      return await Promise.race([this.#next.promise, late])
    } finally {
      over.abort()
    }
  }

  /** Gives a connection up that turned out to be of no use; another is opened at once. */
  giveUp(connection: Connection, reason: string): void {
    if (this.#connection === connection) {
      // From this moment on nobody gets it.
      this.#connection = undefined
      this.#downSince = performance.now()
    }
    connection.abandon(reason)
  }

  /** Looks whether a server still answers at all. */
  async checkUp(connection: Connection): Promise<void> {
    this.#refreshing ??= this.#refresh(connection).finally(() => {
      this.#refreshing = undefined
      this.#refreshedAt = performance.now()
    })
    await this.#refreshing
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#changed)
    await Promise.all([this.#connection?.close('this service ends'), this.#life])
  }

  async #live(firstAttemptOver: () => void): Promise<void> {
    const { signal } = this.#closing
    const { metrics, logger } = this.#parts
    const server = this.config.name
    for (let failures = 0; !signal.aborted; failures++) {
      const began = performance.now()
      let reason: string
      try {
        const connection = await this.#connect()
        firstAttemptOver()
        reason = await this.#holdUp(connection)
      } catch (error) {
        reason = error instanceof ServerEnded ? error.message : explainFailure(error).reason
        if (!signal.aborted) logger.debug({ server, err: hiddenError(error, this.config.secrets) }, LOG.mcpServerFailed)
      }
      firstAttemptOver()
      if (signal.aborted) return
      if (performance.now() - began >= MCP_TIMES.stableMs) failures = 0
      const waitMs = backoffMs(MCP_TIMES.backoff, failures)
      this.#noteDown(reason, waitMs)
      await delay(waitMs, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) metrics.serverRestarted(server)
    }
  }

  async #connect(): Promise<Connection> {
    const { signal } = this.#closing
    const events = { onStderr: (line: string) => this.#noteStderr(line), onToolsChanged: () => this.#refreshSoon() }
    this.#lastLines = []
    const { version } = this.#parts
    const connection = await openConnection(this.config, version, this.#handshake, events, signal).catch((error) => {
      this.#handshake = nextHandshake(this.#handshake, error)
      throw error
    })
    try {
      this.#take(await connection.listTools(signal))
    } catch (error) {
      await connection.close('it did not list its tools')
      throw error
    }
    return connection
  }

  /** Uses a connection until it is over; gives the reason why it is. */
  async #holdUp(connection: Connection): Promise<string> {
    const { metrics, logger } = this.#parts
    const server = this.config.name
    this.#connection = connection
    this.#reason = undefined
    this.#announced = false
    this.#next.resolve(connection)
    this.#next = Promise.withResolvers()
    metrics.setServerUp(server, true)
    logger.info({ server, tools: this.#tools.length }, LOG.mcpServerUp)
    const timer = setInterval(() => void this.checkUp(connection), MCP_TIMES.refreshMs)
    try {
      return await connection.ended
    } finally {
      clearInterval(timer)
      this.#connection = undefined
      this.#downSince = performance.now()
      metrics.setServerUp(server, false)
    }
  }

  async #refresh(connection: Connection): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(MCP_TIMES.refreshTimeoutMs)])
    try {
      this.#take(await connection.listTools(signal))
    } catch (error) {
      if (this.#connection === connection) this.giveUp(connection, explainFailure(error).reason)
    }
  }

  #refreshSoon(): void {
    if (this.#changed !== undefined || this.#closing.signal.aborted) return
    const pauseMs = this.#refreshedAt + MCP_TIMES.changedPauseMs - performance.now()
    this.#changed = setTimeout(
      () => {
        this.#changed = undefined
        if (this.#connection !== undefined) void this.checkUp(this.#connection)
      },
      Math.max(MCP_TIMES.changedMs, pauseMs)
    )
  }

  /** Tools keep their identity as long as they are the same. */
  #take(listed: readonly unknown[]): void {
    const { tools, leftOut } = readToolList(this.config, listed)
    const first = this.#tools.length === 0
    const { merged, changes } = compareTools(this.#tools, tools)
    this.#tools = merged
    const { logger } = this.#parts
    const server = this.config.name
    if (!first && changes !== undefined) logger.warn({ server, ...changes }, LOG.mcpToolsChanged)
    const shown = leftOut.slice(0, 20)
    const news = JSON.stringify(shown)
    if (news !== this.#leftOut && leftOut.length > 0) logger.warn({ server, leftOut: shown }, LOG.mcpToolsLeftOut)
    this.#leftOut = news
  }

  /** The first loss is news; that it lasts is not. */
  #noteDown(reason: string, waitMs: number): void {
    const level = this.#announced ? 'debug' : 'warn'
    this.#announced = true
    this.#reason = reason
    const lastLines = this.#lastLines.length > 0 ? { stderr: this.#lastLines } : {}
    this.#parts.logger[level]({ server: this.config.name, reason, retryInMs: waitMs, ...lastLines }, LOG.mcpServerDown)
  }

  #noteStderr(text: string): void {
    const line = hideSecrets(cleanText(text, MCP_LIMITS.stderr.lineLength), this.config.secrets)
    this.#lastLines = [...this.#lastLines.slice(1 - LAST_LINES), line]
    if (this.#admitStderr(0)) this.#parts.logger.debug({ server: this.config.name, line }, LOG.mcpServerSays)
  }
}

/** The one to be tried after a failure. */
function nextHandshake(handshake: Handshake, error: unknown): Handshake {
  const { kind, lost } = explainFailure(error)
  if (handshake === 'ask') return kind === 'refused' && lost ? 'ask' : 'initialize'
  // A server that refuses the handshake may be one of those that have none; one that ends or is silent is not asked.
  return kind === 'answered' || (kind === 'refused' && !lost) ? 'ask' : 'initialize'
}
