import type { ToolEffect } from '@semibot/chat-protocol'
import { z } from 'zod'

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
  /** W3C trace context under which what an outside service does belongs to this call. */
  readonly traceparent: string
  /** Fires at the tool's timeout, at the deadline, and at a cancel. */
  readonly signal: AbortSignal
}

/** A JSON Schema, draft 7. */
export type JsonSchema = Readonly<Record<string, unknown>>

export type CheckedInput<Input> = { success: true; data: Input } | { success: false; message: string }

/** What a tool takes. `zodInput` makes one of a zod schema; tools from elsewhere bring their own check. */
export interface ToolInputSchema<Input = unknown> {
  /** What the model is shown. */
  readonly json: JsonSchema
  /** The input with its defaults filled in, or what is wrong with it, for the model to read. Never throws. */
  check(input: unknown): CheckedInput<Input>
}

/** One thing that an agent can do. */
export interface Tool<Input = unknown> {
  /** As the model calls it: 1 to 64 of a-z, A-Z, 0-9, _ and -. */
  readonly name: string
  /** What the model reads to decide; names units, limits and the shape of the answer. */
  readonly description: string
  readonly source: 'builtin' | 'mcp' | 'skill' | 'agent'
  /** Which server of that source, where it has several. */
  readonly serverId?: string
  /** none: reads only; idempotent: may be repeated with the same key; unsafe: must never run twice. */
  readonly effect: ToolEffect
  readonly timeoutMs: number
  /** Longer output is cut at this size and marked `truncated`. */
  readonly maxOutputBytes: number
  readonly inputSchema: ToolInputSchema<Input>
  /**
   * Text as it is, or a value that is handed on as JSON.
   * @throws ToolError with a message for the model; any other error is reported without its text, and leaves
   * the result of an `unsafe` tool unknown
   */
  execute(input: Input, context: ToolContext): Promise<unknown>
}

/** Where tools come from: those that are built in, the MCP servers of the operator. */
export interface ToolSource {
  /**
   * The tools that this organisation may be given now; never rejects. The loop asks once for each execution and keeps
   * what it got, whatever the source does meanwhile.
   */
  tools(orgId: string): Promise<readonly Tool[]> | readonly Tool[]
  /**
   * Whether this name is one of this source's, also when its tool cannot be had at the moment. A source may take
   * prefixes with a star, such as `files__*`, for all of its tools that begin so.
   */
  owns(name: string): boolean
  close(): Promise<void>
}

/**
 * What a ToolError says of the call:
 * - TOOL_INPUT_INVALID, TOOL_UNAVAILABLE: nothing was done
 * - TOOL_FAILED: it was tried and failed, without effect
 * - TOOL_OUTCOME_UNKNOWN: it may have taken effect; of an `unsafe` tool the result is then `unknown`
 */
export type ToolErrorCode = 'TOOL_INPUT_INVALID' | 'TOOL_UNAVAILABLE' | 'TOOL_FAILED' | 'TOOL_OUTCOME_UNKNOWN'

/** A tool's way to say what is wrong; the message goes to the model and to the client as it is. */
export class ToolError extends Error {
  override readonly name: string = 'ToolError'
  readonly code: ToolErrorCode

  constructor(code: ToolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A tool whose input a zod schema describes; keeps the type of its input inside. */
export function defineTool<Input>({
  inputSchema,
  ...tool
}: Omit<Tool<Input>, 'inputSchema'> & { inputSchema: z.ZodType<Input> }): Tool {
  return { ...tool, inputSchema: zodInput(inputSchema) } as unknown as Tool
}

/** The input that a zod schema describes. */
export function zodInput<Input>(schema: z.ZodType<Input>): ToolInputSchema<Input> {
  return {
    json: z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as JsonSchema,
    check: (input) => {
      const result = schema.safeParse(input)
      return result.success ? result : { success: false, message: explain(result.error) }
    }
  }
}

function explain({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ')
}
