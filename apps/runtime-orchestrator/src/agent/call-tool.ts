import type { ToolStatus } from '@semibot/chat-protocol'
import type { z } from 'zod'
import { MAX_TOOL_INPUT_BYTES } from '../constants/config.ts'
import { type Tool, type ToolContext, ToolError } from '../tools/tool.ts'
import { untilAborted } from './abort.ts'

/** Longest text of an error that goes back to the model and to the client, in UTF-16 units. */
const MAX_MESSAGE_LENGTH = 1_000

/** What came of one tool call. A failure is a result as well: the model reads it and goes on. */
export interface ToolResult {
  status: ToolStatus
  /** What the model reads: the output, or what went wrong. */
  text: string
  error?: { code: string; message: string }
  /** The output was longer than the tool may give. */
  truncated?: boolean
  durationMs: number
  /** What was thrown, for the log only. */
  cause?: unknown
}

/**
 * Runs a tool on input that a model made up: checks the input, bounds time and output, and turns every
 * failure into a result. The output is untrusted text: it may only ever be shown to the model as a tool's result.
 * @throws the reason of `context.signal` when the execution itself is stopped
 */
export async function callTool(tool: Tool, input: unknown, context: ToolContext): Promise<ToolResult> {
  const started = performance.now()
  const finished = (result: Omit<ToolResult, 'durationMs'>): ToolResult => ({
    ...result,
    durationMs: Math.round(performance.now() - started)
  })
  const checked = checkInput(tool, input)
  if (!checked.success) return finished(failed('error', 'TOOL_INPUT_INVALID', checked.message))

  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), tool.timeoutMs)
  const signal = AbortSignal.any([context.signal, timeout.signal])
  try {
    // A tool that does not listen to its signal is left behind, not waited for.
    const output = await untilAborted(tool.run(checked.data, { ...context, signal }), signal)
    return finished(cut(toText(output), tool.maxOutputBytes))
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason
    if (timeout.signal.aborted) return finished(timedOut(tool))
    return finished(toFailure(tool, error))
  } finally {
    clearTimeout(timer)
  }
}

/** Result of a call that was never run. */
export function failedCall(code: string, message: string): ToolResult {
  return { ...failed('error', code, message.slice(0, MAX_MESSAGE_LENGTH)), durationMs: 0 }
}

/** Result of a call to a tool that this agent does not have. */
export function unknownTool(name: string, known: Iterable<string>): ToolResult {
  return failedCall('TOOL_UNKNOWN', `there is no tool "${name.slice(0, 100)}"; available: ${[...known].join(', ')}`)
}

/** Whether the input of a call is small enough to be told in an event. */
export function fitsIntoEvent(input: unknown): boolean {
  return inputBytes(input) <= MAX_TOOL_INPUT_BYTES
}

function inputBytes(input: unknown): number {
  return Buffer.byteLength(JSON.stringify(input) ?? '')
}

function checkInput(
  tool: Tool,
  input: unknown
): { success: true; data: unknown } | { success: false; message: string } {
  const bytes = inputBytes(input)
  if (bytes > MAX_TOOL_INPUT_BYTES)
    return { success: false, message: `the input has ${bytes} bytes; at most ${MAX_TOOL_INPUT_BYTES}` }
  const result = tool.inputSchema.safeParse(input)
  return result.success ? result : { success: false, message: explain(result.error) }
}

function explain({ issues }: z.ZodError): string {
  const text = issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ')
  return text.slice(0, MAX_MESSAGE_LENGTH)
}

function failed(status: ToolStatus, code: string, message: string): Omit<ToolResult, 'durationMs'> {
  return { status, text: `Error: ${message}`, error: { code, message } }
}

function timedOut(tool: Tool): Omit<ToolResult, 'durationMs'> {
  const message = `${tool.name} did not answer within ${tool.timeoutMs} ms`
  // It may have done its work all the same: only the tool's owner can tell, so it must not be run again.
  if (tool.effect === 'unsafe')
    return failed('unknown', 'TOOL_TIMEOUT', `${message}; whether it took effect is unknown`)
  return failed('timeout', 'TOOL_TIMEOUT', message)
}

function toFailure(tool: Tool, error: unknown): Omit<ToolResult, 'durationMs'> {
  if (error instanceof ToolError) return { ...failed('error', error.code, error.message), cause: error.cause }
  return { ...failed('error', 'TOOL_FAILED', `${tool.name} failed`), cause: error }
}

function toText(output: unknown): string {
  const text = typeof output === 'string' ? output : (JSON.stringify(output) ?? '')
  return text.toWellFormed()
}

function cut(text: string, maxBytes: number): Omit<ToolResult, 'durationMs'> {
  // One UTF-16 unit has at most three bytes: most outputs need no measuring.
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return { status: 'ok', text }
  const bytes = Buffer.from(text.slice(0, maxBytes))
  let end = Math.min(maxBytes, bytes.length)
  // Back to the beginning of a character: continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return { status: 'ok', text: bytes.toString('utf8', 0, end).toWellFormed(), truncated: true }
}
