import type { ChatEventBody, EventError, FinishReason } from '@semibot/chat-protocol'
import { estimateUsage } from '@semibot/llm'
import { untilAborted } from '../agent/abort.ts'
import { AnswerFull } from '../agent/answer.ts'
import { conversation } from '../agent/conversation.ts'
import { describeError, ExecutionError, isUnexpected } from '../agent/execution-error.ts'
import type { RunContext, Runner } from '../agent/run-context.ts'
import type { Durability } from './durability.ts'
import type { ExecutionCall } from './execution-engine.ts'
import { Stop } from './stop.ts'

/** How an execution ended. */
export type Outcome =
  | { status: 'completed'; finishReason: FinishReason }
  | { status: 'failed'; error: EventError; unexpected?: unknown }
  | { status: 'cancelled'; reason: string }
  | { status: 'interrupted' }

/**
 * Runs the work of one execution and writes its last events, of which exactly one ends it. Never rejects.
 * `startedAt` is the performance.now() of the beginning.
 */
export async function runExecution(
  run: RunContext,
  runner: Runner,
  call: ExecutionCall,
  startedAt: number,
  durability?: Pick<Durability, 'settle'>
): Promise<Outcome> {
  try {
    // Whatever the work still does after its signal fired, the execution ends now.
    const finishReason = await untilAborted(unlessFull(run, runner(run)), run.signal)
    // The end is written down before it is told.
    if (durability !== undefined && !(await durability.settle({ status: 'completed', finishReason })))
      return superseded(run)
    run.answer.leaveTools()
    run.answer.complete(finishReason)
    run.emit({
      type: 'execution.completed',
      finishReason,
      usage: run.budget.usage,
      mode: 'runtime_orchestrator',
      attempts: call.attempt,
      latencyMs: Math.round(performance.now() - startedAt)
    })
    return { status: 'completed', finishReason }
  } catch (error) {
    const end = error instanceof Stop ? stopped(run, error, call) : failed(run, error, call)
    if (durability !== undefined && !(await settled(durability, end.outcome))) return superseded(run)
    if (end.outcome.status !== 'interrupted') run.answer.leaveTools()
    run.emit(end.event)
    return end.outcome
  }
}

/** A journal that refuses must not keep an execution from ending. */
async function settled(durability: Pick<Durability, 'settle'>, outcome: Outcome): Promise<boolean> {
  try {
    return await durability.settle(outcome)
  } catch {
    return true
  }
}

/** Another process has the run, and will tell how it ends. */
function superseded(run: RunContext): Outcome {
  run.emit({ type: 'execution.interrupted', reason: 'superseded' })
  return { status: 'interrupted' }
}

/** How an execution ended, and the event that says so. */
interface End {
  outcome: Outcome
  event: ChatEventBody
}

function stopped(run: RunContext, { why }: Stop, call: ExecutionCall): End {
  if (why.kind === 'deadline') return failed(run, deadlineExceeded(run, call), call)
  if (why.kind === 'cancelled') {
    const event = { type: 'execution.cancelled' as const, reason: why.reason, ...usageOf(run) }
    return { event, outcome: { status: 'cancelled', reason: why.reason } }
  }
  return { event: { type: 'execution.interrupted', reason: why.reason }, outcome: { status: 'interrupted' } }
}

function failed(run: RunContext, cause: unknown, { requestId }: ExecutionCall): End {
  const error = describeError(cause, requestId)
  const event = { type: 'execution.failed' as const, error, ...usageOf(run) }
  return { event, outcome: { status: 'failed', error, ...(isUnexpected(cause) ? { unexpected: cause } : {}) } }
}

/**
 * Whose fault a deadline is: the reader's when it does not read, the model's when it was silent for most of the
 * time, otherwise the runtime's.
 */
function deadlineExceeded(run: RunContext, { budgetMs }: ExecutionCall): ExecutionError {
  if (run.flow.congested) {
    const message = `The answer was not read in time: the execution did not finish within ${budgetMs} ms.`
    return new ExecutionError('DEADLINE_EXCEEDED', 'client', message)
  }
  const silentMs = run.modelSilentSince === undefined ? 0 : performance.now() - run.modelSilentSince
  if (silentMs > budgetMs / 2) {
    const message = `The model sent nothing for ${Math.round(silentMs)} ms, until the deadline of the execution.`
    return new ExecutionError('DEADLINE_EXCEEDED', 'llm', message)
  }
  return new ExecutionError('DEADLINE_EXCEEDED', 'runtime', `The execution did not finish within ${budgetMs} ms.`)
}

function usageOf({ budget }: RunContext) {
  return budget.usage.totalTokens > 0 ? { usage: budget.usage } : {}
}

async function unlessFull(run: RunContext, work: Promise<FinishReason>): Promise<FinishReason> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof AnswerFull)) throw error
    // The model was cut off before it could say what it counted.
    const { request, answer, budget } = run
    budget.addUsage(
      estimateUsage({ model: request.agent.model, messages: conversation(request) }, 0, answer.text.length)
    )
    return 'length'
  }
}
