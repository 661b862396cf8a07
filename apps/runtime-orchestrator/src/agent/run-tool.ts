import type { ToolEffect } from '@semibot/chat-protocol'
import { MANY_EVENTS_BYTES, MAX_TOLD_OUTPUT_BYTES, SHORT_OUTPUT_BYTES } from '../constants/config.ts'
import { isNamed } from '../tools/catalogue.ts'
import type { Tool, ToolContext } from '../tools/tool.ts'
import type { ModelToolCall } from './ask-model.ts'
import {
  callTool,
  deniedCall,
  failedCall,
  fitsIntoEvent,
  type ToolOutcome,
  type ToolResult,
  unknownOutcome,
  unknownTool
} from './call-tool.ts'
import { PLAN_TOOL, type Plan } from './plan.ts'
import type { AgentParts } from './run-agent.ts'
import type { RunContext } from './run-context.ts'

/** What the tool calls of one run have in common. */
export interface ToolProgress {
  plan: Plan
  /** Ids of calls so far. */
  usedIds: Set<string>
  /** Names of the unsafe tools that may or may not have taken effect: they are never run again. */
  unknown: Set<string>
}

/** Where in the run a call stands. */
export interface CallPlace {
  turn: number
  index: number
  /** The step of the plan that it belongs to. */
  step: string | undefined
}

export interface StartedCall {
  /** Unique in its execution. */
  id: string
  name: string
  source: Tool['source']
  effect: ToolEffect
  input: unknown
}

/** Asks a person; resolves to whether the tool may run. */
export type Approve = (tool: Tool, call: StartedCall, signal: AbortSignal) => Promise<boolean>

/** Runs one tool call, or says why it cannot be run. Whatever comes of it is a result that the model reads. */
export async function runTool(
  run: RunContext,
  parts: AgentParts,
  progress: ToolProgress,
  call: ModelToolCall,
  { turn, index, step }: CallPlace
): Promise<ToolResult> {
  const { name, input } = call
  if (name === PLAN_TOOL && !parts.tools.has(name)) return progress.plan.follow(call)
  const tool = parts.tools.get(name)
  const id = distinct(call.id, `step-${turn + 1}-call-${index + 1}`, progress.usedIds)
  const { source, effect, serverId } = tool ?? { source: 'builtin', effect: 'none' }
  const started = { id, name: shownName(name), source, effect, input: fitsIntoEvent(input) ? input : null }
  run.answer.tell({
    type: 'tool.started',
    toolCallId: id,
    ...(step === undefined ? {} : { stepId: step }),
    name: started.name,
    source,
    ...(serverId === undefined ? {} : { serverId }),
    effect,
    input: started.input
  })
  const result = await runStarted(run, parts, progress, call, tool, started)
  if (result.status === 'unknown') progress.unknown.add(started.name)
  run.answer.tell(finishedEvent(id, result, run.answer.toldBytes))
  return result
}

async function runStarted(
  run: RunContext,
  { tools, runStep, approve, observer }: AgentParts,
  { unknown }: ToolProgress,
  call: ModelToolCall,
  tool: Tool | undefined,
  started: StartedCall
): Promise<ToolResult> {
  const { id, name } = started
  // A tool that the agent was given and that is gone may have been at work when this step was begun elsewhere.
  const effect = tool?.effect ?? (isNamed(call.name, run.request.agent.tools) ? 'unsafe' : 'none')
  // Not even on other input: the model may write the same thing differently.
  const mayNotRun = unknown.has(name)
  const startedAt = performance.now()
  let live = false
  let cause: unknown
  try {
    const result = await runStep(
      `tool:${id}:${name}`,
      effect,
      async ({ signal, begunBefore, mayAct, traceparent = run.headers.traceparent }) => {
        live = true
        observer.toolCallStarted(run, started)
        if (begunBefore && effect === 'unsafe') return unknownOutcome(`${name} was interrupted`)
        if (mayNotRun) return deniedCall(`whether ${name} took effect is unknown, so it is not run again`)
        if (tool === undefined) return unknownTool(call.name, tools.keys())
        if (call.invalid) return failedCall('TOOL_INPUT_INVALID', 'the arguments are not valid JSON')
        if (approve !== undefined && !(await approve(tool, started, signal)))
          return deniedCall(`the call of ${name} was not approved`)
        const outcome: ToolOutcome = await callTool(
          tool,
          call.input,
          toolContext(run, id, { signal, traceparent }),
          mayAct
        )
        cause = outcome.cause
        return outcome.result
      }
    )
    if (live) observer.toolCallFinished(run, started, result, cause)
    return result
  } catch (error) {
    if (live) observer.toolCallStopped(run, started, (performance.now() - startedAt) / 1000)
    throw error
  }
}

/** The model has read the whole result; the reader of the events may get less of a long one. */
function finishedEvent(toolCallId: string, result: ToolResult, toldBytes: number) {
  const { status, text, error, durationMs } = result
  const output = error === undefined ? toldOutput(text, toldBytes) : undefined
  const truncated = result.truncated || (output !== undefined && output.length < text.length)
  return {
    type: 'tool.finished' as const,
    toolCallId,
    status,
    durationMs,
    ...(error === undefined ? { output } : { error }),
    ...(truncated ? { truncated } : {})
  }
}

/** JSON needs at most six bytes for one UTF-16 unit. */
function toldOutput(text: string, toldBytes: number): string {
  const maxBytes = toldBytes < MANY_EVENTS_BYTES ? MAX_TOLD_OUTPUT_BYTES : SHORT_OUTPUT_BYTES
  if (text.length * 6 <= maxBytes || Buffer.byteLength(JSON.stringify(text)) <= maxBytes) return text
  return text.slice(0, Math.floor(maxBytes / 6)).toWellFormed()
}

/** The model may make up any name, and Postgres takes no NUL: of a name that can be told, stored and looked up again. */
function shownName(name: string): string {
  return name
    .slice(0, 100)
    .toWellFormed()
    .replace(/\p{Cc}/gu, '\ufffd')
}

/**
 * Some model servers number the calls of each answer anew, or send no id at all: towards the model its own id is
 * kept, but in events and records each call of an execution has one of its own.
 */
function distinct(id: string, otherwise: string, used: Set<string>): string {
  const own = /^[\x21-\x7e]{1,200}$/.test(id) && !used.has(id) ? id : otherwise
  used.add(own)
  return own
}

function toolContext(
  { request }: RunContext,
  toolCallId: string,
  attempt: Pick<ToolContext, 'signal' | 'traceparent'>
): ToolContext {
  const { executionId, orgId, userId, sessionId, message: userMessage } = request
  const idempotencyKey = `${executionId}:${toolCallId}`
  return { executionId, toolCallId, orgId, userId, sessionId, userMessage, idempotencyKey, ...attempt }
}
