import type { McpCallOutcome, McpMetrics } from '@semibot/metrics'
import { MCP_LIMITS } from '../../constants/mcp.ts'
import { type Tool, type ToolContext, ToolError } from '../tool.ts'
import { type CallFailure, explainFailure, isInputRefusal } from './call-failure.ts'
import { hiddenError, hideSecrets } from './clean-text.ts'
import type { Connection } from './connection.ts'
import type { McpServer } from './mcp-server.ts'
import type { ListedTool } from './tool-list.ts'
import { textOfResult } from './tool-result.ts'

/** Longest text of a server's error that is read. */
const MAX_ERROR_LENGTH = 1_000

/** The SDK's own timeout is only there for the case that ours fails. */
const TIMEOUT_MARGIN_MS = 5_000

/** Calls under way, by server. */
const underWay = new WeakMap<McpServer, number>()

/** One tool of a server as agents use it. */
export function createMcpTool(server: McpServer, listed: ListedTool, metrics: McpMetrics): Tool {
  const { name, timeoutMs, maxOutputBytes } = server.config
  const { effect } = listed
  return {
    name: listed.name,
    description: listed.description,
    source: 'mcp',
    serverId: name,
    effect,
    timeoutMs,
    maxOutputBytes,
    inputSchema: listed.inputSchema,
    execute: async (input, context) => {
      const count = underWay.get(server) ?? 0
      if (count >= MCP_LIMITS.concurrentCalls)
        throw counted(metrics, name, unavailable(`the MCP server ${name} is busy: ${count} calls are under way`))
      underWay.set(server, count + 1)
      try {
        const text = await callWithRetry(server, listed, input, context)
        metrics.call(name, 'ok')
        return text
      } catch (error) {
        if (context.signal.aborted) metrics.call(name, 'stopped')
        else counted(metrics, name, error)
        throw error
      } finally {
        underWay.set(server, (underWay.get(server) ?? 1) - 1)
      }
    }
  }

  async function callWithRetry(...call: Parameters<typeof callOnce>): Promise<string> {
    try {
      return await callOnce(...call)
    } catch (error) {
      if (!(error instanceof FailedCall)) throw error
      const { kind, retry } = error.failure
      // What was never begun may be begun again; what may have been done, only where that does no harm.
      if (!retry || (kind === 'unknown' && effect === 'unsafe')) throw toToolError(error)
    }
    try {
      return await callOnce(...call)
    } catch (error) {
      throw error instanceof FailedCall ? toToolError(error) : error
    }
  }

  function toToolError({ failure: { kind, reason }, cause }: FailedCall): ToolError {
    const message = `${listed.name}: the MCP server ${name} failed: ${reason}`
    const code = kind === 'refused' ? 'TOOL_UNAVAILABLE' : kind === 'answered' ? 'TOOL_FAILED' : 'TOOL_OUTCOME_UNKNOWN'
    return new ToolError(code, message, { cause })
  }

  async function callOnce(
    from: McpServer,
    { remoteName, inputSchema }: ListedTool,
    input: unknown,
    { signal, idempotencyKey, traceparent }: ToolContext
  ): Promise<string> {
    const connection = await from.connected(signal)
    if (connection === undefined) throw unavailable(`the MCP server ${name} cannot be reached at the moment`)
    if (!from.tools.some((known) => known.remoteName === remoteName))
      throw unavailable(`the MCP server ${name} no longer has the tool ${remoteName}`)
    let result: Awaited<ReturnType<Connection['callTool']>>
    try {
      result = await connection.callTool({
        tool: { name: remoteName, inputSchema: inputSchema.json },
        input,
        idempotencyKey,
        traceparent,
        timeoutMs: timeoutMs + TIMEOUT_MARGIN_MS,
        signal
      })
    } catch (error) {
      // A call that was given up says nothing about the server, but a server that hangs makes calls be given up.
      if (signal.aborted) void from.checkUp(connection)
      else throw readFailure(from, connection, error)
      throw signal.reason
    }
    const text = clean(textOfResult(result, maxOutputBytes + 1))
    if (result.isError === true) throw new ToolError('TOOL_FAILED', text === '' ? `${listed.name} failed` : text)
    return text
  }

  function readFailure(from: McpServer, connection: Connection, error: unknown): Error {
    if (isInputRefusal(error))
      return new ToolError('TOOL_INPUT_INVALID', clean(error.message).slice(0, MAX_ERROR_LENGTH))
    const failure = explainFailure(error)
    if (failure.lost) from.giveUp(connection, failure.reason)
    return new FailedCall(failure, hiddenError(error, server.config.secrets))
  }

  function clean(text: string): string {
    return hideSecrets(text, server.config.secrets)
  }
}

/** A call that came to nothing, on its way to becoming a ToolError. */
class FailedCall extends Error {
  override readonly name = 'FailedCall'
  readonly failure: CallFailure

  constructor(failure: CallFailure, cause: unknown) {
    super(failure.reason, { cause })
    this.failure = failure
  }
}

function unavailable(message: string): ToolError {
  return new ToolError('TOOL_UNAVAILABLE', message)
}

function counted(metrics: McpMetrics, server: string, error: unknown): unknown {
  metrics.call(server, outcomeOf(error))
  return error
}

function outcomeOf(error: unknown): McpCallOutcome {
  if (!(error instanceof ToolError)) return 'unknown'
  switch (error.code) {
    case 'TOOL_UNAVAILABLE':
      return 'unavailable'
    case 'TOOL_OUTCOME_UNKNOWN':
      return 'unknown'
    default:
      return 'error'
  }
}
