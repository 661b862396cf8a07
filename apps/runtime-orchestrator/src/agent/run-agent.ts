import type { FinishReason, ToolEffect } from '@semibot/chat-protocol'
import { jsonSchema, type ModelMessage, type ToolSet, tool } from 'ai'
import { z } from 'zod'
import type { Tool, ToolContext } from '../tools/tool.ts'
import { askModel, type ModelToolCall, type ModelTurn } from './ask-model.ts'
import { callTool, failedCall, fitsIntoEvent, type ToolResult, unknownTool } from './call-tool.ts'
import { conversation } from './conversation.ts'
import type { AgentModel } from './model-access.ts'
import { Plan } from './plan.ts'
import type { RunContext } from './run-context.ts'

/**
 * Runs a part of an execution under a name that is the same in every attempt. The inline engine just runs
 * it; a durable engine first looks whether this step has a recorded result.
 */
export type Step = <T>(name: string, run: (signal: AbortSignal) => Promise<T>) => Promise<T>

export interface AgentParts {
  model: AgentModel
  /** The tools that this agent may use, by name. */
  tools: ReadonlyMap<string, Tool>
  step: Step
  /** Told about each model call and each tool call when it is over. */
  observer: AgentObserver
}

export interface AgentObserver {
  modelCallFinished(seconds: number, error?: unknown): void
  toolCallStarted(run: RunContext, call: StartedCall): void
  toolCallFinished(run: RunContext, call: StartedCall, result: ToolResult): void
  /** The execution was stopped while the call was under way: it has no result. */
  toolCallStopped(run: RunContext, call: StartedCall, seconds: number): void
}

export interface StartedCall {
  /** Unique in its execution. */
  id: string
  name: string
  source: Tool['source']
  effect: ToolEffect
  input: unknown
}

/**
 * The agent loop: ask the model, run the tools that it asks for, all of one turn at the same time, show it
 * the results, until it answers without asking for any.
 * @throws ExecutionError LIMIT_EXCEEDED, LlmError, AnswerFull, or the reason of the run's signal
 */
export async function runAgent(run: RunContext, parts: AgentParts): Promise<FinishReason> {
  const { budget, answer } = run
  const toolSet = describeTools(parts.tools)
  const messages: ModelMessage[] = conversation(run.request)
  const usedIds = new Set<string>()
  const plan = new Plan(`plan-${run.request.executionId}`, run.emit)
  for (let turnNumber = 0; ; turnNumber++) {
    budget.spendStep()
    answer.separate()
    const turn = await nextTurn(run, parts, toolSet, messages, turnNumber)
    budget.addUsage(turn.usage)
    run.emit({ type: 'usage.updated', ...budget.usage })
    messages.push(...turn.messages)
    if (turn.calls.length === 0) return turn.finishReason

    budget.spendToolCalls(turn.calls.length)
    const stepId = plan.begin(`Use ${[...new Set(turn.calls.map(({ name }) => name))].join(', ')}`)
    const ids = turn.calls.map(({ id }, index) => distinct(id, `${stepId}-call-${index + 1}`, usedIds))
    const results = await Promise.all(turn.calls.map((call, index) => runTool(run, parts, call, ids[index]!, stepId)))
    plan.end(results.every(({ status }) => status === 'ok') ? 'completed' : 'failed')
    messages.push({ role: 'tool', content: turn.calls.map((call, index) => toPart(call, results[index]!)) })
  }
}

async function nextTurn(
  run: RunContext,
  { model, step, observer }: AgentParts,
  toolSet: ToolSet,
  messages: ModelMessage[],
  turnNumber: number
): Promise<ModelTurn> {
  let live = false
  const started = performance.now()
  try {
    const turn = await step(`llm:${turnNumber}`, (signal) => {
      live = true
      return askModel(run, model, toolSet, messages, signal)
    })
    // A recorded turn was not asked for again: its text still has to reach the reader.
    if (live) observer.modelCallFinished((performance.now() - started) / 1000)
    else run.answer.write(turn.text)
    return turn
  } catch (error) {
    observer.modelCallFinished((performance.now() - started) / 1000, error)
    throw error
  }
}

async function runTool(
  run: RunContext,
  { tools, step, observer }: AgentParts,
  call: ModelToolCall,
  id: string,
  stepId: string
): Promise<ToolResult> {
  const { name, input } = call
  const known = tools.get(name)
  const { source, effect } = known ?? { source: 'builtin', effect: 'none' }
  const started = { id, name: name.slice(0, 100), source, effect, input: fitsIntoEvent(input) ? input : null }
  const startedAt = performance.now()
  run.emit({ type: 'tool.started', toolCallId: id, stepId, name: started.name, source, effect, input: started.input })
  observer.toolCallStarted(run, started)
  try {
    const result = await step(`tool:${id}:${name}`, async (signal) => {
      if (known === undefined) return unknownTool(name, tools.keys())
      if (call.invalid) return failedCall('TOOL_INPUT_INVALID', 'the arguments are not valid JSON')
      return callTool(known, input, toolContext(run, id, signal))
    })
    observer.toolCallFinished(run, started, result)
    run.emit(finishedEvent(id, result))
    return result
  } catch (error) {
    observer.toolCallStopped(run, started, (performance.now() - startedAt) / 1000)
    throw error
  }
}

function finishedEvent(toolCallId: string, { status, text, error, truncated, durationMs }: ToolResult) {
  return {
    type: 'tool.finished' as const,
    toolCallId,
    status,
    durationMs,
    ...(error === undefined ? { output: text } : { error }),
    ...(truncated ? { truncated } : {})
  }
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

function toolContext({ request }: RunContext, toolCallId: string, signal: AbortSignal): ToolContext {
  const { executionId, orgId, userId, sessionId, message: userMessage } = request
  const idempotencyKey = `${executionId}:${toolCallId}`
  return { executionId, toolCallId, orgId, userId, sessionId, userMessage, idempotencyKey, signal }
}

/** Only names, descriptions and the shape of inputs: the model server never runs anything, and checking is ours. */
function describeTools(tools: ReadonlyMap<string, Tool>): ToolSet {
  return Object.fromEntries(
    [...tools].map(([name, known]) => [
      name,
      tool({ description: known.description, inputSchema: jsonSchema(shapeOf(known)) })
    ])
  )
}

type JsonSchema = Parameters<typeof jsonSchema>[0]

const shapes = new WeakMap<Tool, JsonSchema>()

function shapeOf(known: Tool): JsonSchema {
  const shape =
    shapes.get(known) ?? (z.toJSONSchema(known.inputSchema, { io: 'input', target: 'draft-7' }) as JsonSchema)
  shapes.set(known, shape)
  return shape
}

function toPart(call: { id: string; name: string }, result: ToolResult) {
  return {
    type: 'tool-result' as const,
    toolCallId: call.id,
    toolName: call.name,
    output: { type: result.error === undefined ? ('text' as const) : ('error-text' as const), value: result.text }
  }
}
