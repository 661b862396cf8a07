import { setTimeout as delay } from 'node:timers/promises'
import { CircuitOpenError, type FallbackBreaker, type Pass } from '@semibot/breaker'
import type { ChatEventBody } from '@semibot/chat-protocol'
import {
  type ChatExecution,
  type ChatExecutor,
  type ExecutionContext,
  ExecutionError,
  type ExecutionOutcome,
  LeftToOthers
} from './chat-executor.ts'
import { type EndRunOptions, endRun } from './end-run.ts'
import { type FailedInstance, mayResume, resumeElsewhere } from './resume-elsewhere.ts'
import { callRuntime, type RuntimeCallOptions } from './runtime-call.ts'
import { RuntimeInterrupted, TextNotTakenBack } from './runtime-errors.ts'

export interface RuntimeAdapterOptions extends RuntimeCallOptions, EndRunOptions {
  breaker: Pick<FallbackBreaker, 'pick' | 'call'>
  /** Told when an execution is to go on at another instance. */
  onResume?: (execution: ChatExecution, from: string, to: string) => void
}

/** A second instance is tried only while the client has hardly waited. */
const SECOND_INSTANCE_WITHIN_MS = 1500
/** When every instance is full, a chat waits this long for room, and at most so many chats at a time. */
const ROOM_WAIT_MS = 250
const MAX_WAITING = 50

/**
 * Runs a chat on the runtime-orchestrator, on the instance that the breaker picks and through its circuit. An
 * instance that did not accept is left for another one, since nothing ran there; when all are full, a short
 * wait for room comes before the refusal. What an instance had accepted goes on at another one when it is gone.
 */
export function createRuntimeAdapter(options: RuntimeAdapterOptions): ChatExecutor {
  let waiting = 0

  /** One try on each of at most two instances. */
  async function tryInstances(execution: ChatExecution, context: ExecutionContext, pass: Pass) {
    const startedAt = performance.now()
    let first: { instance: string; error: unknown } | undefined
    for (;;) {
      const instance = options.breaker.pick(pass, execution.sessionId, first?.instance)
      if (instance === null) throw first?.error ?? notAvailable()
      let accepted = false
      try {
        return await callInstance(options, { instance, resumes: false }, execution, context, pass, () => {
          accepted = true
        })
      } catch (error) {
        if (accepted) return leave({ instance, error }, execution, context, pass)
        if (context.signal.aborted) throw error
        const mayTryAnother = first === undefined && performance.now() - startedAt < SECOND_INSTANCE_WITHIN_MS
        if (!mayTryAnother || !isAboutThisInstance(error)) throw toUnavailable(error)
        first = { instance, error: toUnavailable(error) }
      }
    }
  }

  /** An instance that had accepted has failed: another one goes on, or the run is ended before its error is told. */
  async function leave(failed: FailedInstance, execution: ChatExecution, context: ExecutionContext, pass: Pass) {
    if (context.signal.reason instanceof LeftToOthers) throw context.signal.reason
    let { error } = failed
    const asked = new Set([failed.instance])
    if (!context.signal.aborted && mayResume(error, execution)) {
      try {
        const pick = (exclude: string) => options.breaker.pick(pass, execution.sessionId, exclude)
        const call = (to: string, onAccepted: () => void) => {
          asked.add(to)
          return callInstance(options, { instance: to, resumes: true }, execution, context, pass, onAccepted)
        }
        const onResume = (from: string, to: string) => options.onResume?.(execution, from, to)
        return await resumeElsewhere({ pick, call, onResume }, execution, context, failed)
      } catch (last) {
        error = last
        // Left while it was resumed: the run is in the journal, and others take it from there.
        if (context.signal.reason instanceof LeftToOthers) throw context.signal.reason
      }
    }
    const ended = endRun(options, [...asked], execution)
    if (context.signal.aborted) throw context.signal.reason
    await ended
    throw toUnavailable(error)
  }

  return {
    mode: 'runtime_orchestrator',
    async execute(execution, context) {
      const { pass } = context
      if (pass === undefined) throw new Error('the runtime may not be called without a pass of the breaker')
      try {
        return await tryInstances(execution, context, pass)
      } catch (error) {
        if (!(isFull(error) && waiting < MAX_WAITING)) throw error
        waiting++
        await delay(ROOM_WAIT_MS, undefined, { signal: context.signal }).catch(() => {})
        waiting--
        if (context.signal.aborted) throw context.signal.reason
        return tryInstances(execution, context, pass)
      }
    }
  }
}

/** One call on one instance, through its circuit. */
async function callInstance(
  options: RuntimeAdapterOptions,
  { instance, resumes }: { instance: string; resumes: boolean },
  execution: ChatExecution,
  context: ExecutionContext,
  pass: Pass,
  onAccepted: () => void
): Promise<ExecutionOutcome> {
  const { sessionId, orgId } = execution
  // That an instance goes in good order is no evidence against the runtime while another one is there.
  const saysNothing = (error: unknown) =>
    error instanceof TextNotTakenBack ||
    (error instanceof RuntimeInterrupted && options.breaker.pick(pass, sessionId, instance) !== null)
  try {
    return await options.breaker.call(
      pass,
      instance,
      async (progress) => {
        const emit = (event: ChatEventBody) => {
          if (event.type === 'message.delta') progress.firstToken()
          context.emit(event)
        }
        const accepted = () => {
          progress.accepted()
          onAccepted()
          context.accepted()
        }
        const waitedMs = performance.now() - context.startedAt
        const remainingMs = context.remainingMs - waitedMs
        try {
          return await callRuntime(options, instance, execution, { ...context, emit, accepted, remainingMs }, resumes)
        } catch (error) {
          throw saysNothing(error) ? new NoEvidence(error) : error
        }
      },
      { tenant: orgId }
    )
  } catch (error) {
    throw error instanceof NoEvidence ? error.cause : error
  }
}

/** Carries an error past the breaker that is not the runtime's fault. */
class NoEvidence extends Error {
  constructor(cause: unknown) {
    super('not the fault of the runtime', { cause })
  }
}

function isFull(error: unknown): boolean {
  return error instanceof ExecutionError && error.code === 'RUNTIME_OVERLOADED'
}

/** Whether another instance may do better: this one is gone or full, and nothing ran on it. */
function isAboutThisInstance(error: unknown): boolean {
  return (
    error instanceof CircuitOpenError ||
    (error instanceof ExecutionError && (error.code === 'RUNTIME_UNAVAILABLE' || error.code === 'RUNTIME_OVERLOADED'))
  )
}

/** The breaker's own refusal, in the words of an execution. */
function toUnavailable(error: unknown): unknown {
  return error instanceof CircuitOpenError ? notAvailable(error) : error
}

function notAvailable(cause?: unknown): ExecutionError {
  return new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', 'No runtime instance is available.', { cause })
}
