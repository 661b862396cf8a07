import type { ToolStatus } from '@semibot/chat-protocol'
import { MAX_TOOL_INPUT_BYTES } from '../constants/config.ts'
import { type Tool, type ToolContext, ToolError, type ToolErrorCode } from '../tools/tool.ts'
import { untilAborted } from './abort.ts'

/** Longest text of an error that goes back to the model and to the client, in UTF-16 units. */
const MAX_MESSAGE_LENGTH = 1_000

/** What came of one tool call, as plain data. A failure is a result as well: the model reads it and goes on. */
export interface ToolResult {
  status: ToolStatus
  /** What the tool gave, or what went wrong: text that nobody has checked. */
  text: string
  error?: { code: string; message: string }
  /** The output was longer than the tool may give. */
  truncated?: boolean
  durationMs: number
}

/** A result, and what only the log may have. */
export interface ToolOutcome {
  result: ToolResult
  /** What was thrown. */
  cause?: unknown
}

/**
 * Runs a tool on input that a model made up: checks the input, bounds time and output, and turns every
 * failure into a result. The output is untrusted text: it may only ever be shown to the model as a tool's result.
 * `mayAct` is asked last of all (see StepAttempt).
 * @throws the reason of `context.signal` when the execution itself is stopped
 */
export async function callTool(
  tool: Tool,
  input: unknown,
  context: ToolContext,
  mayAct?: () => Promise<void> | undefined
): Promise<ToolOutcome> {
  const started = performance.now()
  const finished = (result: Omit<ToolResult, 'durationMs'>): ToolResult => ({
    ...result,
    durationMs: Math.round(performance.now() - started)
  })
  const checked = checkInput(tool, input)
  if (!checked.success) return { result: failedCall('TOOL_INPUT_INVALID', checked.message) }

  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), tool.timeoutMs)
  const signal = AbortSignal.any([context.signal, timeout.signal])
  try {
    const toolContext = { ...context, signal }
    for (let wait = mayAct?.(); wait !== undefined; wait = mayAct?.()) await untilAborted(wait, signal)
    context.signal.throwIfAborted()
    // A tool that does not listen to its signal is left behind, not waited for.
    const output = await untilAborted(tool.execute(checked.data, toolContext), signal)
    return { result: finished(cut(toText(output), tool.maxOutputBytes)) }
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason
    if (timeout.signal.aborted) return { result: finished(timedOut(tool)) }
    const cause = error instanceof ToolError ? error.cause : error
    return { result: finished(failureOf(tool, error)), ...(cause === undefined ? {} : { cause }) }
  } finally {
    clearTimeout(timer)
  }
}

/** Result of a call that was never run. */
export function failedCall(code: string, message: string): ToolResult {
  return { ...failed('error', code, message), durationMs: 0 }
}

/** Result of a call that may not be run. */
export function deniedCall(message: string): ToolResult {
  return { ...failed('denied', 'TOOL_DENIED', message), durationMs: 0 }
}

/** Result of a call to a tool that this agent does not have. */
export function unknownTool(name: string, known: Iterable<string>): ToolResult {
  return failedCall('TOOL_UNKNOWN', `there is no tool "${name.slice(0, 100)}"; available: ${[...known].join(', ')}`)
}

/** Result of a call that was begun, and of which nobody knows what it did. */
export function unknownOutcome(what: string): ToolResult {
  return { ...unknown('TOOL_OUTCOME_UNKNOWN', what), durationMs: 0 }
}

/** Whether the input of a call is small enough to be told in an event. */
export function fitsIntoEvent(input: unknown): boolean {
  return inputBytes(input) <= MAX_TOOL_INPUT_BYTES
}

function inputBytes(input: unknown): number {
  return Buffer.byteLength(JSON.stringify(input) ?? '')
}

function checkInput({ inputSchema }: Tool, input: unknown): ReturnType<Tool['inputSchema']['check']> {
  const bytes = inputBytes(input)
  if (bytes > MAX_TOOL_INPUT_BYTES)
    return { success: false, message: `the input has ${bytes} bytes; at most ${MAX_TOOL_INPUT_BYTES}` }
  return inputSchema.check(input)
}

function failed(status: ToolStatus, code: string, message: string): Omit<ToolResult, 'durationMs'> {
  const short = message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed()
  return { status, text: `Error: ${short}`, error: { code, message: short } }
}

function unknown(code: string, what: string): Omit<ToolResult, 'durationMs'> {
  return failed('unknown', code, `${what}; whether it took effect is unknown`)
}

function timedOut({ name, timeoutMs, effect }: Tool): Omit<ToolResult, 'durationMs'> {
  const message = `${name} did not answer within ${timeoutMs} ms`
  // It may have done its work all the same: only the tool's owner can tell, so it must not be run again.
  return effect === 'unsafe' ? unknown('TOOL_TIMEOUT', message) : failed('timeout', 'TOOL_TIMEOUT', message)
}

/** After these nothing was done. */
const WITHOUT_EFFECT: ReadonlySet<ToolErrorCode> = new Set(['TOOL_INPUT_INVALID', 'TOOL_UNAVAILABLE', 'TOOL_FAILED'])

function failureOf({ name, effect }: Tool, error: unknown): Omit<ToolResult, 'durationMs'> {
  const known = error instanceof ToolError
  const code = known ? error.code : 'TOOL_FAILED'
  const message = known ? error.message : `${name} failed`
  if (effect !== 'unsafe' || (known && WITHOUT_EFFECT.has(error.code))) return failed('error', code, message)
  return unknown(code, message)
}

function toText(output: unknown): string {
  return typeof output === 'string' ? output : (JSON.stringify(output) ?? '')
}

function cut(text: string, maxBytes: number): Omit<ToolResult, 'durationMs'> {
  // One UTF-16 unit has at most three bytes: most outputs need no measuring, and of the largest only the beginning.
  const head = text.slice(0, maxBytes + 1).toWellFormed()
  if (head.length === text.length && (head.length * 3 <= maxBytes || Buffer.byteLength(head) <= maxBytes))
    return { status: 'ok', text: head }
  const bytes = Buffer.from(head)
  let end = Math.min(maxBytes, bytes.length)
  // Back to the beginning of a character: continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return { status: 'ok', text: bytes.toString('utf8', 0, end), truncated: true }
}
