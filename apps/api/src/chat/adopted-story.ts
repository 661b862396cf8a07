import { isDeepStrictEqual } from 'node:util'
import {
  type ChatEvent,
  type ChatEventBody,
  type ChatEventOf,
  type FinishReason,
  isTerminal
} from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'
import type { AdoptedReader } from '../adapters/adopted-call.ts'
import type { ChatExecution } from '../adapters/chat-executor.ts'
import type { AdoptedListener } from '../adapters/listen-to-adopted.ts'
import type { EventLog, ExecutionEvents } from './event-log.ts'
import type { EventMirror } from './event-mirror.ts'
import { ExecutionStory } from './execution-story.ts'
import type { TakenOver } from './redis-event-store.ts'

export interface AdoptedStoryOptions {
  /** Goes on with the events that the process which died has left, where every replica reads them. */
  takeOver: (executionId: string) => Promise<TakenOver | undefined>
  mirror: Pick<EventMirror, 'add' | 'complete' | 'isBehind'>
  events: EventLog
}

/** So many events that were told last are compared with what a runtime counts under the same numbers. */
const COMPARED = 32

/**
 * Goes on with the events of an adopted execution where the process that died left off, so that whoever comes back
 * hears the answer grow, on whichever replica. Undefined where those events are not to be had from the first one on:
 * then only the end is told, by whoever is asked for it. Rejects when that is not known.
 */
export async function recallStory(
  options: AdoptedStoryOptions,
  execution: ChatExecution
): Promise<AdoptedStory | undefined> {
  const { batches, epoch } = (await options.takeOver(execution.executionId)) ?? { batches: [], epoch: 0 }
  const told = withoutHole(batches.flatMap((batch) => batch.events))
  const identity = batches[0]?.identity
  if (identity === undefined || told?.[0]?.type !== 'execution.started' || told.some(isTerminal)) return undefined
  const events = options.events.reopen(identity, told)
  options.mirror.add(events, { after: events.lastSeq, epoch })
  return new AdoptedStory(options, execution, events, told)
}

/** Undefined unless they are numbered from 1 on without a gap. */
function withoutHole(events: readonly ChatEvent[]): ChatEvent[] | undefined {
  const told: ChatEvent[] = []
  for (const event of events) {
    if (event.seq === told.length + 1) told.push(event)
    else if (event.seq > told.length) return undefined
  }
  return told
}

/** What is told of one adopted execution. */
export class AdoptedStory implements AdoptedListener {
  readonly events: ExecutionEvents
  readonly reader: AdoptedReader
  readonly #story: ExecutionStory
  readonly #options: Pick<AdoptedStoryOptions, 'mirror' | 'events'>
  readonly #messageId: string
  readonly #startedAt: number
  /** The whole answer was told, and not taken back. */
  #isWhole: boolean
  /** The runtime that has the run counts its events otherwise. */
  #isRenumbered = false

  constructor(
    options: Pick<AdoptedStoryOptions, 'mirror' | 'events'>,
    execution: ChatExecution,
    events: ExecutionEvents,
    told: readonly ChatEvent[]
  ) {
    this.#options = options
    this.events = events
    this.#messageId = execution.messageId
    this.#startedAt = told[0]?.ts ?? Date.now()
    this.#story = new ExecutionStory(execution, events)
    this.#story.recall(told)
    // A fallback may have taken it back.
    const last = told.findLast(({ type }) => type === 'message.completed' || type === 'execution.fallback')
    this.#isWhole = last?.type === 'message.completed'
    this.reader = {
      emit: (event) => this.#tell(event),
      accepted: () => {},
      rewind: (text) => {
        this.#isRenumbered = true
        // What was told as the whole is not, when the run goes on from an earlier place.
        if (text !== this.text) this.#isWhole = false
        return this.#story.rewind(text, 1, true)
      },
      flow: behindCopy(options.mirror, events)
    }
  }

  get after(): number {
    const { firstSeq, lastSeq } = this.events
    return Math.max(firstSeq - 1, lastSeq - COMPARED)
  }

  hear(event: ChatEventBody, seq: number): boolean {
    const { lastSeq } = this.events
    if (this.#isRenumbered || seq > lastSeq + 1) return false
    if (seq <= lastSeq) return isSame(this.events.at(seq), event)
    this.#tell(event)
    return this.events.lastSeq === seq
  }

  /** The answer as far as it was told. */
  get text(): string {
    return this.#story.answer.text
  }

  /** Since `execution.started`, by the clocks of both processes. */
  get latencyMs(): number {
    return Math.max(0, Date.now() - this.#startedAt)
  }

  /** Before its end is stored: the whole answer is told, or that the outcome of a tool stays unknown. */
  close(whole?: { content: string; finishReason: FinishReason }): void {
    if (whole === undefined) {
      this.#story.closeUnknownTools()
      return
    }
    if (whole.content === '') return
    this.#tell({ type: 'message.started', messageId: this.#messageId })
    this.#tell({ type: 'message.completed', messageId: this.#messageId, ...whole })
  }

  end(event: ChatEventOf<'execution.completed' | 'execution.failed' | 'execution.cancelled'>): void {
    this.#story.end(event)
  }

  /** The next events come from another process, if any: every reader is told to ask again. */
  async leave(): Promise<void> {
    if (this.events.ended) return
    await this.#options.mirror.complete(this.events.executionId)
    this.events.fail()
    this.#options.events.forget(this.events.executionId)
  }

  #tell(event: ChatEventBody): void {
    if (event.type === 'message.completed') {
      if (this.#isWhole) return
      this.#isWhole = true
    }
    this.#story.tell(event)
  }
}

/** All that has happened since the death is heard at once: the copy must come after before the buffer drops it. */
function behindCopy(mirror: AdoptedStoryOptions['mirror'], events: ExecutionEvents): FlowControl {
  const { executionId } = events
  return {
    get congested() {
      return events.congested || mirror.isBehind(executionId)
    },
    onDrained: (callback) => {
      if (events.congested) events.onDrained(callback)
      else void mirror.complete(executionId).then(callback)
    }
  }
}

/**
 * The api begins the story in its own words; all else it passes on. What is kept no longer was not asked for either: an
 * instance that tells it is far behind, and counts otherwise.
 */
function isSame(told: ReturnType<ExecutionEvents['at']>, event: ChatEventBody): boolean {
  if (told === undefined || told === 'dropped') return false
  if (event.type === 'execution.started') return told.type === event.type && event.resumed === undefined
  const { seq, ts, ...body } = told
  return isDeepStrictEqual(body, event)
}
