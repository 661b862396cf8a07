import { setTimeout as delay } from 'node:timers/promises'
import { type ChatExecution, type ExecutionContext, ExecutionError, type ExecutionOutcome } from './chat-executor.ts'
import { RuntimeInterrupted, TextNotTakenBack } from './runtime-errors.ts'

/** An instance that has accepted an execution and then failed. */
export interface FailedInstance {
  instance: string
  error: unknown
}

export interface ResumeOptions {
  /** An instance that may be called now, another than this one if there is any. */
  pick: (exclude: string) => string | null
  /** Goes on with the execution there; `onAccepted` is called when that instance has it. */
  call: (instance: string, onAccepted: () => void) => Promise<ExecutionOutcome>
  /** Told before each try. */
  onResume?: (from: string, to: string) => void
}

/** An execution outlives so many of its instances. */
const MAX_RESUMES = 3
/** How long an instance is looked for that accepts. */
const WITHIN_MS = 2000
const POLL_MS = 100
/** With less time than this an answer is not begun again. */
const MIN_REMAINING_MS = 2000

/**
 * Whether another instance may go on with what this one had accepted: it is gone, or goes. The run of an agent with
 * tools is in the journal, or begins anew with nothing lost but a model call; without tools only an instance that
 * says itself that it goes is worth another one, since direct_llm answers as well.
 */
export function mayResume(error: unknown, execution: ChatExecution): boolean {
  if (error instanceof RuntimeInterrupted) return true
  if (error instanceof TextNotTakenBack) return false
  if (!(error instanceof ExecutionError) || execution.agent.tools.length === 0) return false
  return error.origin === 'runtime' && (error.code === 'RUNTIME_UNAVAILABLE' || error.code === 'RUNTIME_STALLED')
}

/**
 * Goes on with an execution on another instance, or on the same one when there is no other: behind one address there
 * may be several processes.
 * @throws what ended the execution at another instance; when none goes on, the error with which the last one lost it:
 * one that was full, or not there yet, has not lost it
 */
export async function resumeElsewhere(
  options: ResumeOptions,
  execution: ChatExecution,
  context: ExecutionContext,
  failed: FailedInstance
): Promise<ExecutionOutcome> {
  let { instance: last, error: lost } = failed
  let until = performance.now() + WITHIN_MS
  let pauseMs = POLL_MS
  for (let resumes = 0; resumes < MAX_RESUMES; ) {
    if (context.remainingMs - (performance.now() - context.startedAt) < MIN_REMAINING_MS) break
    const instance = await findInstance(options, execution, context, last, until)
    if (instance === null) break
    options.onResume?.(last, instance)
    let accepted = false
    try {
      return await options.call(instance, () => {
        accepted = true
      })
    } catch (error) {
      if (context.signal.aborted) throw error
      last = instance
      if (accepted) {
        lost = error
        until = performance.now() + WITHIN_MS
        pauseMs = POLL_MS
      }
      // Without tools direct_llm answers as well: nobody waits long for room.
      if (accepted || execution.agent.tools.length === 0) resumes++
      if (!mayGoOn(error, execution)) throw error
      if (performance.now() > until) break
      if (accepted) continue
      await pause(context, pauseMs)
      // Each try is evidence against the runtime: one chat must not make up all of it.
      pauseMs *= 2
    }
  }
  throw lost
}

async function findInstance(
  { pick }: ResumeOptions,
  execution: ChatExecution,
  context: ExecutionContext,
  exclude: string,
  until: number
): Promise<string | null> {
  for (;;) {
    const other = pick(exclude)
    if (other !== null) return other
    if (execution.agent.tools.length === 0) return null
    const same = pick('')
    if (same !== null || performance.now() > until) return same
    await pause(context)
  }
}

async function pause({ signal }: ExecutionContext, forMs = POLL_MS): Promise<void> {
  await delay(forMs, undefined, { signal }).catch(() => {})
  if (signal.aborted) throw signal.reason
}

function mayGoOn(error: unknown, execution: ChatExecution): boolean {
  return mayResume(error, execution) || (error instanceof ExecutionError && error.code === 'RUNTIME_OVERLOADED')
}
