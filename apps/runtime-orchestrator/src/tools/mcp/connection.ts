import {
  type CallToolResult,
  Client,
  type JsonSchemaValidator,
  type jsonSchemaValidator,
  type Tool
} from '@modelcontextprotocol/client'
import { z } from 'zod'
import { MCP_LIMITS, MCP_TIMES } from '../../constants/mcp.ts'
import type { JsonSchema } from '../tool.ts'
import { HttpTransport } from './http-transport.ts'
import type { McpServerConfig } from './server-config.ts'
import { CLOSED, StdioTransport } from './stdio-transport.ts'

/**
 * How a connection begins. `ask`: for the newest revision, which has no handshake, and with the handshake where the
 * server does not know it. `initialize`: with the handshake at once, since not every server takes the question well.
 */
export type Handshake = 'ask' | 'initialize'

export interface ConnectionEvents {
  /** One line of a child's standard error. */
  onStderr: (line: string) => void
  /** The server says that its tools are others now. */
  onToolsChanged: () => void
}

export interface ToolRequest {
  /** As the server describes it. */
  tool: { name: string; inputSchema: JsonSchema }
  input: unknown
  /** The same for every attempt at this call. */
  idempotencyKey: string
  /** W3C trace context of the call. */
  traceparent: string
  timeoutMs: number
  signal: AbortSignal
}

/** One connection to a server, from its handshake to its end; never opened again. */
export interface Connection {
  /** All entries of the server's tool list, unchecked; at most so many pages of it. */
  listTools(signal: AbortSignal): Promise<unknown[]>
  callTool(request: ToolRequest): Promise<CallToolResult>
  /** Resolves with the reason when it is over, whoever ended it. */
  readonly ended: Promise<string>
  /** Resolves when nothing of it is left. */
  close(reason: string): Promise<void>
  /** Ends it without a word to the server, for one that does not listen. */
  abandon(reason: string): void
}

/** Only what stands around the tools: one bad entry must not cost the others. */
const toolPageSchema = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().optional() })

/** Schemas for the output of tools are not looked at: to compile what a server sends is to run it. */
const ANY_OUTPUT: jsonSchemaValidator = {
  getValidator<T>(): JsonSchemaValidator<T> {
    return (data) => ({ valid: true, data: data as T, errorMessage: undefined })
  }
}

/**
 * Connects to a server and introduces itself.
 * @throws errors of the SDK, of `fetch`, or the reason of `signal`; then nothing is left of the attempt
 */
export async function openConnection(
  { endpoint }: McpServerConfig,
  version: string,
  handshake: Handshake,
  { onStderr, onToolsChanged }: ConnectionEvents,
  signal: AbortSignal
): Promise<Connection> {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<string>()
  const transport =
    endpoint.kind === 'stdio'
      ? new StdioTransport({ endpoint, onStderr, onEnd })
      : new HttpTransport({ endpoint, onEnd })
  const options = { capabilities: {}, jsonSchemaValidator: ANY_OUTPUT }
  const mode = handshake === 'ask' ? ('auto' as const) : ('legacy' as const)
  const negotiation = { mode, probe: { timeoutMs: MCP_TIMES.askMs } }
  const client = new Client({ name: 'semibot', version }, { ...options, versionNegotiation: negotiation })
  client.setNotificationHandler('notifications/tools/list_changed', onToolsChanged)
  // Errors that matter end a request or the connection, and are seen there.
  client.onerror = () => undefined
  try {
    await client.connect(transport, { signal, timeout: MCP_TIMES.connectMs[endpoint.kind] })
  } catch (error) {
    await transport.close()
    const reason = await ended
    // When it ended by itself, that says more than the error of whoever was waiting for it.
    throw reason === CLOSED ? error : new ServerEnded(reason)
  }
  return {
    ended,
    close: (reason) => transport.close(reason),
    abandon: (reason) => transport.abandon(reason),

    listTools: async (listSignal) => {
      const tools: unknown[] = []
      if (client.getServerCapabilities()?.tools === undefined) return tools
      let cursor: string | undefined
      for (let page = 0; page < MCP_LIMITS.listPages && tools.length < MCP_LIMITS.listedTools; page++) {
        const request = { method: 'tools/list', ...(cursor === undefined ? {} : { params: { cursor } }) }
        const answer = await client.request(request, toolPageSchema, {
          signal: listSignal,
          timeout: MCP_TIMES.refreshTimeoutMs
        })
        tools.push(...answer.tools.slice(0, MCP_LIMITS.listedTools - tools.length))
        cursor = answer.nextCursor
        if (cursor === undefined) break
      }
      return tools
    },

    callTool: ({ tool, input, idempotencyKey, traceparent, timeoutMs, signal: callSignal }) => {
      // The protocol keeps `traceparent` for this: https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
      const meta = { 'semibot/idempotencyKey': idempotencyKey, traceparent }
      const params = { name: tool.name, arguments: input as Record<string, unknown>, _meta: meta }
      // With the description at hand the SDK never asks for the whole list by itself.
      const toolDefinition = tool as Tool
      return client.callTool(params, { signal: callSignal, timeout: timeoutMs, toolDefinition })
    }
  }
}

/** The server ended while it was waited for. The message says how, in words of our own. */
export class ServerEnded extends Error {
  override readonly name = 'ServerEnded'
}
