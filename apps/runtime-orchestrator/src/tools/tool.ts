import type { ToolEffect } from '@semibot/chat-protocol'
import type { z } from 'zod'

/** For whom and within what a tool runs. A tool acts only for this organisation and this user. */
export interface ToolContext {
  readonly executionId: string
  readonly toolCallId: string
  readonly orgId: string
  /** The end user, or null when a service asks for itself. */
  readonly userId: string | null
  readonly sessionId: string
  /** The message that this execution answers. */
  readonly userMessage: string
  /** Same for every attempt at this call: an outside service that gets it can tell a repetition. */
  readonly idempotencyKey: string
  /** Fires at the tool's timeout, at the deadline, and at a cancel. */
  readonly signal: AbortSignal
}

/** One thing that an agent can do. */
export interface Tool<Input = unknown> {
  /** As the model calls it: a-z, 0-9 and _. */
  readonly name: string
  /** What the model reads to decide; names units, limits and the shape of the answer. */
  readonly description: string
  readonly source: 'builtin' | 'mcp' | 'skill' | 'agent'
  /** none: reads only; idempotent: may be repeated; unsafe: must never run twice. */
  readonly effect: ToolEffect
  readonly timeoutMs: number
  /** Longer output is cut at this size and marked `truncated`. */
  readonly maxOutputBytes: number
  readonly inputSchema: z.ZodType<Input>
  /**
   * Text as it is, or a value that is handed on as JSON.
   * @throws ToolError with a message for the model; any other error is reported without its text.
   */
  run(input: Input, context: ToolContext): Promise<unknown>
}

/** A tool's way to say what is wrong; the message goes to the model and to the client as it is. */
export class ToolError extends Error {
  override readonly name: string = 'ToolError'
  readonly code: 'TOOL_INPUT_INVALID' | 'TOOL_UNAVAILABLE'

  constructor(code: ToolError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Keeps a tool's input type inside and gives what a list of unlike tools can hold. */
export function defineTool<Input>(tool: Tool<Input>): Tool {
  return tool as unknown as Tool
}
