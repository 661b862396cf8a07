import { type ChatEventBody, HEADERS } from '@semibot/chat-protocol'
import { EventStreamError, openEventStream } from '@semibot/chat-protocol/event-stream'
import { type AdoptedCall, joinAdopted } from './adopted-call.ts'
import type { ChatExecution } from './chat-executor.ts'
import { isEnd, parseEvent, type RuntimeCallOptions } from './runtime-call.ts'
import { timerError } from './runtime-errors.ts'
import { watchRuntimeCall } from './runtime-timers.ts'

export interface ListenOptions extends RuntimeCallOptions {
  /** Base URLs of the instances that are asked for the run. */
  instances: () => readonly string[]
}

/** Takes the events of the instance that has had the run since it began. */
export interface AdoptedListener {
  /** Number of the event to begin after. */
  readonly after: number
  /** An event under its number at the instance. False: it counts otherwise than what was told so far. */
  hear: (event: ChatEventBody, seq: number) => boolean
}

/** How long an instance may take to say whether it has a run. */
const ASK_MS = 1000

/** The instance's events do not go on from those that were told. */
class OtherNumbers extends Error {}

/**
 * Hears what the instance tells that has the run of an api process that is gone. An instance that has had it since it
 * began counts its events as the api did: what the dead process told its client last and nobody else knows of is heard
 * once more under the same numbers. From any other one the text is taken from where it stands.
 *
 * Resolves at once when no instance says that it has the run, and when what it tells has ended.
 * @throws EventStreamError, also when it falls silent, and as `callRuntime`
 */
export async function listenToAdopted(
  options: ListenOptions,
  execution: ChatExecution,
  call: AdoptedCall,
  listener: AdoptedListener
): Promise<void> {
  const { signal } = call
  const asked = options.instances().map(async (url) => {
    if (!(await hasRun(options, url, execution, signal))) throw new Error('this instance does not have the run')
    return url
  })
  const instance = await Promise.any(asked).catch(() => undefined)
  if (instance === undefined) return
  try {
    await copyEvents(options, instance, execution, call, listener)
  } catch (error) {
    // Refused: it does not keep those events any more.
    const isRefused = error instanceof EventStreamError && error.kind === 'status'
    if (!(isRefused || error instanceof OtherNumbers)) throw error
    await joinAdopted(options, instance, execution, call)
  }
}

async function copyEvents(
  { dispatcher, serviceToken, timeouts }: ListenOptions,
  instance: string,
  { executionId, orgId }: ChatExecution,
  { signal, remainingMs, reader }: AdoptedCall,
  listener: AdoptedListener
): Promise<void> {
  const silence = new AbortController()
  // A lease that is renewed says nothing about the way between here and there.
  const watch = watchRuntimeCall(timeouts, remainingMs, (timer) => silence.abort(timerError(timer)), {
    isHeld: () => reader?.flow.congested ?? false
  })
  let hasEnded = false
  try {
    await openEventStream(
      {
        dispatcher,
        origin: new URL(instance).origin,
        path: `/api/v1/executions/${executionId}/events?after=${listener.after}`,
        method: 'GET',
        headers: { authorization: `Bearer ${serviceToken}`, [HEADERS.orgId]: orgId },
        signal: AbortSignal.any([signal, silence.signal]),
        ...(reader === undefined ? {} : { flow: reader.flow })
      },
      {
        onOpen: watch.accepted,
        onComment: watch.activity,
        onEvent: ({ id, data }) => {
          watch.activity()
          if (hasEnded) return
          const event = parseEvent(data)
          // How it ended is found in the journal.
          hasEnded = isEnd(event)
          if (!(hasEnded || listener.hear(event, Number(id)))) throw new OtherNumbers()
        }
      }
    )
  } finally {
    watch.stop()
  }
}

async function hasRun(
  { dispatcher, serviceToken }: ListenOptions,
  instance: string,
  { executionId, orgId }: ChatExecution,
  signal: AbortSignal
): Promise<boolean> {
  const { statusCode, body } = await dispatcher.request({
    origin: new URL(instance).origin,
    path: `/api/v1/executions/${executionId}`,
    method: 'GET',
    headers: { authorization: `Bearer ${serviceToken}`, [HEADERS.orgId]: orgId },
    signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)])
  })
  if (statusCode !== 200) {
    await body.dump()
    return false
  }
  const { data } = (await body.json()) as { data?: { status?: unknown } }
  return data?.status === 'running'
}
