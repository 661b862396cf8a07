import type { FinishReason } from '@semibot/chat-protocol'
import type { ModelMessage } from 'ai'
import type { AgentTools } from '../tools/catalogue.ts'
import { askModel, type ModelTurn } from './ask-model.ts'
import type { ToolResult } from './call-tool.ts'
import { agentConversation } from './conversation.ts'
import { describeTools, toolResults } from './describe-tools.ts'
import type { AgentModel } from './model-access.ts'
import { Plan } from './plan.ts'
import type { RunContext } from './run-context.ts'
import { type Approve, runTool, type StartedCall, type ToolProgress } from './run-tool.ts'
import type { RunStep } from './step.ts'

export interface AgentParts {
  model: AgentModel
  /** The tools that this agent may use, by name. */
  tools: AgentTools
  runStep: RunStep
  /** Told about each model call and each tool call when it is over; not about steps whose results were recorded. */
  observer: AgentObserver
  /** Asks a person whether a tool may run; left out, every tool may. */
  approve?: Approve
}

export interface AgentObserver {
  modelCallFinished(seconds: number, error?: unknown): void
  /** All tools of one turn have ended: a step of the plan is done. */
  planStepFinished(seconds: number): void
  toolCallStarted(run: RunContext, call: StartedCall): void
  toolCallFinished(run: RunContext, call: StartedCall, result: ToolResult, cause?: unknown): void
  /** The execution was stopped while the call was under way: it has no result. */
  toolCallStopped(run: RunContext, call: StartedCall, seconds: number): void
}

/**
 * The agent loop: ask the model, run the tools that it asks for, all of one turn at the same time, show it
 * the results, until it answers without asking for any.
 * @throws ExecutionError LIMIT_EXCEEDED, LlmError, AnswerFull, or the reason of the run's signal
 */
export async function runAgent(run: RunContext, parts: AgentParts): Promise<FinishReason> {
  const messages: ModelMessage[] = agentConversation(run.request)
  const plan = new Plan(`plan-${run.request.executionId}`, (event) => run.answer.tell(event))
  const progress: ToolProgress = { plan, usedIds: new Set(), unknown: new Set() }
  for (let number = 0; ; number++) {
    const turn = await nextTurn(run, parts, messages, number)
    messages.push(...turn.messages)
    if (turn.calls.length === 0) return finish(run, progress, turn)

    run.budget.spendToolCalls(turn.calls.length)
    const step = plan.begin(turn.calls)
    const begunAt = performance.now()
    const calls = turn.calls.map((call, index) => runTool(run, parts, progress, call, { turn: number, index, step }))
    const results = await Promise.all(calls)
    plan.end(step, results)
    parts.observer.planStepFinished((performance.now() - begunAt) / 1000)
    messages.push(toolResults(turn.calls, results))
  }
}

/** One model call, its text handed on while it comes. */
async function nextTurn(
  run: RunContext,
  { model, tools, runStep, observer }: AgentParts,
  messages: ModelMessage[],
  number: number
): Promise<ModelTurn> {
  run.budget.spendStep()
  run.answer.separate()
  let live = false
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  try {
    const turn = await runStep(`llm:${number}`, 'none', ({ signal }) => {
      live = true
      return askModel(run, model, describeTools(tools), messages, signal)
    })
    // A recorded turn was not asked for again: its text still has to reach the reader.
    if (live) observer.modelCallFinished(seconds())
    else run.answer.write(turn.text)
    run.budget.addUsage(turn.usage)
    run.answer.tell({ type: 'usage.updated', ...run.budget.usage })
    return turn
  } catch (error) {
    if (live) observer.modelCallFinished(seconds(), error)
    throw error
  }
}

/** Says in the answer what the model may have left out: which tools may or may not have taken effect. */
function finish({ answer }: RunContext, { plan, unknown }: ToolProgress, turn: ModelTurn): FinishReason {
  plan.finish()
  if (unknown.size > 0) {
    answer.separate()
    answer.write(`It is unknown whether this took effect: ${[...unknown].join(', ')}. It was not run again.`)
  }
  return turn.finishReason
}
