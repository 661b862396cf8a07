import {
  type ChatEventBody,
  chatEventBodySchema,
  DeltaReader,
  type ExecuteRequest,
  HEADERS,
  isTerminal
} from '@semibot/chat-protocol'
import { EventStreamError, openEventStream, type ServerSentEvent } from '@semibot/chat-protocol/event-stream'
import type { Dispatcher } from 'undici'
import { type ChatExecution, type ExecutionContext, ExecutionError, type ExecutionOutcome } from './chat-executor.ts'
import {
  protocolError,
  RuntimeInterrupted,
  TextNotTakenBack,
  timerError,
  toExecutionCode,
  toExecutionError
} from './runtime-errors.ts'
import { type RuntimeTimeouts, type RuntimeTimer, type RuntimeWatch, watchRuntimeCall } from './runtime-timers.ts'

export interface RuntimeCallOptions {
  dispatcher: Dispatcher
  serviceToken: string
  timeouts: RuntimeTimeouts
}

/** The runtime ends an execution at its deadline by itself; this much later the api stops waiting for it. */
const DEADLINE_MARGIN_MS = 500
/**
 * What shows that the runtime is at work: a whole event, a whole heartbeat, or a piece of a large event. A sick one that
 * sends a few bytes now and then would hold a chat until its deadline.
 */
const LIVELY_BYTES = 512
/** Without a reason each abort would make an error with a stack, also at the end of every good answer. */
const NOBODY_WAITS = 'nobody waits for this answer any more'
/**
 * A runtime that takes a run over waits until the lease of its owner has lapsed. It answers at once that it does: a call
 * without an answer may have been given to the very process that has died, and is worth another try.
 */
const RESUME_ACCEPT_MS = 8000

/**
 * One execution on one instance: `POST /api/v1/execute/stream`. The runtime's events are parsed, checked and
 * passed on, without its own `execution.started` and terminal event. `resumes`: another instance has begun it.
 *
 * @throws ExecutionError for every end that is not `execution.completed`; the signal's reason when aborted
 */
export async function callRuntime(
  options: RuntimeCallOptions,
  instance: string,
  execution: ChatExecution,
  context: ExecutionContext,
  resumes = false
): Promise<ExecutionOutcome> {
  const call = new AbortController()
  const abort = () => call.abort(context.signal.reason)
  if (context.signal.aborted) throw context.signal.reason
  context.signal.addEventListener('abort', abort, { once: true })

  const onExpired = (timer: RuntimeTimer) => call.abort(timerError(timer))
  const { acceptMs, stallMs } = options.timeouts
  const timeouts = resumes ? { answerMs: acceptMs, acceptMs: RESUME_ACCEPT_MS, stallMs } : { acceptMs, stallMs }
  const watch = watchRuntimeCall(timeouts, context.remainingMs + DEADLINE_MARGIN_MS, onExpired, {
    isHeld: () => context.flow.congested
  })
  const state = new RuntimeStream(execution, context, watch, resumes)
  const url = new URL('/api/v1/execute/stream', instance)
  try {
    await openEventStream(
      {
        dispatcher: options.dispatcher,
        origin: url.origin,
        path: url.pathname,
        headers: {
          ...headersOf(options.serviceToken, execution, context),
          ...(resumes ? { [HEADERS.resume]: '1' } : {})
        },
        body: JSON.stringify(bodyOf(execution)),
        signal: call.signal,
        flow: context.flow
      },
      {
        onOpen: watch.answered,
        onActivity: (bytes) => {
          if (bytes >= LIVELY_BYTES) watch.activity()
        },
        onComment: watch.activity,
        onEvent: (event) => {
          watch.activity()
          state.take(event)
        }
      }
    )
    return state.outcome()
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason
    // A connection that breaks, or stays open, after the last event takes nothing away from it.
    if (state.hasEnded && error instanceof EventStreamError) return state.outcome()
    watch.stop()
    const reason = call.signal.aborted ? call.signal.reason : toExecutionError(error)
    if (!call.signal.aborted) call.abort(NOBODY_WAITS)
    throw reason
  } finally {
    watch.stop()
    context.signal.removeEventListener('abort', abort)
    // Whatever the reason for leaving, the runtime must not go on for nobody.
    if (!call.signal.aborted) call.abort(NOBODY_WAITS)
  }
}

/** Reads the events of one attempt and holds how it ended. */
class RuntimeStream {
  readonly #execution: ChatExecution
  readonly #context: ExecutionContext
  readonly #watch: Pick<RuntimeWatch, 'accepted' | 'ended'>
  readonly #resumes: boolean
  readonly #deltas: DeltaReader
  started = false
  #ended: ChatEventBody | undefined

  constructor(
    execution: ChatExecution,
    context: ExecutionContext,
    watch: Pick<RuntimeWatch, 'accepted' | 'ended'>,
    resumes: boolean
  ) {
    this.#resumes = resumes
    this.#deltas = new DeltaReader(execution.messageId)
    this.#execution = execution
    this.#context = context
    this.#watch = watch
  }

  /** The runtime has said how the execution ended. */
  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  take(frame: ServerSentEvent): void {
    if (this.started && this.#ended === undefined) {
      const delta = this.#deltas.textOf(frame.data)
      if (delta !== undefined) {
        this.#context.emit({ type: 'message.delta', messageId: this.#execution.messageId, delta })
        return
      }
    }
    // Whatever comes after it, a complete answer is one.
    if (this.#ended?.type === 'execution.completed') return
    const event = parseEvent(frame.data)
    if (this.#ended !== undefined) throw protocolError(`${event.type} came after the terminal event.`)
    if (!this.started) {
      // A run that is stopped before it is known where it stands has no other event.
      if (event.type !== 'execution.completed' && isEnd(event)) {
        this.#end(event)
        return
      }
      if (event.type !== 'execution.started') throw protocolError(`The stream began with ${event.type}.`)
      this.started = true
      this.#watch.accepted()
      this.#context.accepted()
      if (this.#resumes && this.#context.rewind?.(event.resumed?.text ?? '') === false) throw new TextNotTakenBack()
      return
    }
    if (event.type === 'execution.started') throw protocolError('execution.started came twice.')
    if (isEnd(event)) {
      this.#end(event)
      return
    }
    if ('messageId' in event && event.messageId !== this.#execution.messageId) {
      throw protocolError('An event belongs to another message.')
    }
    this.#context.emit(event)
  }

  #end(event: ChatEventBody): void {
    this.#ended = event
    this.#watch.ended()
  }

  /** @throws ExecutionError for every end that is not `execution.completed`. */
  outcome(): ExecutionOutcome {
    const ended = this.#ended
    switch (ended?.type) {
      case 'execution.completed':
        return { finishReason: ended.finishReason, usage: ended.usage }
      case 'execution.failed': {
        const { code, message, origin } = ended.error
        return fail(code, origin ?? 'runtime', message)
      }
      case 'execution.interrupted':
        throw new RuntimeInterrupted()
      case 'execution.cancelled':
        return fail('RUNTIME_INTERNAL', 'runtime', 'the runtime cancelled the execution')
      default:
        throw new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', 'The runtime ended the stream without a result.')
    }
  }
}

/** Nothing of this run comes after it from this instance. */
export function isEnd(event: ChatEventBody): boolean {
  return isTerminal(event) || event.type === 'execution.interrupted'
}

/** @throws ExecutionError RUNTIME_PROTOCOL when it is none */
export function parseEvent(data: string): ChatEventBody {
  let json: unknown
  try {
    json = JSON.parse(data)
  } catch (error) {
    throw protocolError('The runtime sent an event that is not JSON.', error)
  }
  if (isPlainDelta(json)) return { type: 'message.delta', messageId: json.messageId, delta: json.delta }
  const parsed = chatEventBodySchema.safeParse(json)
  if (!parsed.success) throw protocolError('The runtime sent an event of an unknown form.', parsed.error)
  return parsed.data
}

/** The common event is checked by hand: it is as strict as the schema and costs a tenth of it. */
function isPlainDelta(json: unknown): json is { messageId: string; delta: string } {
  const event = json as { type?: unknown; messageId?: unknown; delta?: unknown } | null
  return event?.type === 'message.delta' && typeof event.messageId === 'string' && typeof event.delta === 'string'
}

function fail(code: string, origin: ExecutionError['origin'], message: string): never {
  throw new ExecutionError(toExecutionCode(code), origin, message)
}

function headersOf(serviceToken: string, execution: ChatExecution, context: ExecutionContext): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    authorization: `Bearer ${serviceToken}`,
    [HEADERS.requestTimeoutMs]: String(Math.max(1, Math.floor(context.remainingMs))),
    [HEADERS.attempt]: String(context.attempt),
    [HEADERS.requestId]: execution.requestId,
    [HEADERS.orgId]: execution.orgId,
    [HEADERS.traceparent]: execution.traceparent
  }
}

function bodyOf(execution: ChatExecution): ExecuteRequest {
  return {
    executionId: execution.executionId,
    orgId: execution.orgId,
    sessionId: execution.sessionId,
    userId: execution.userId,
    messageId: execution.messageId,
    message: execution.message,
    history: execution.history,
    agent: execution.agent
  }
}
