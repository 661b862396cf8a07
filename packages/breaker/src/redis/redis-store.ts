import { noCounts } from '../rolling-window.ts'
import type { Message } from '../state/exchange.ts'
import { type FallbackRecord, initialRecord, shiftTimes } from '../state/record.ts'
import type { Command } from '../state/reducer.ts'
import type { FallbackStore, News, StoreContext } from '../store/store.ts'
import type { WindowCounts } from '../types.ts'
import { createScript } from './client.ts'
import { decodeNotice, decodeReply, encodeMessage, encodeRules, type TimedReply } from './codec.ts'
import { createLink, type Link } from './link.ts'
import { LocalState } from './local-state.ts'
import type { RedisStoreOptions } from './options.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { exchangeScript } from './script.ts'
import { createTellTimer, HURRY_MS, type TellTimer } from './tell-timer.ts'

/** After so long without an answer the replica decides alone. */
const DEGRADED_AFTER_MS = 1000
/** A new replica waits at most so long for the state of the others. */
const READY_MS = 300

interface Order {
  command: Command
  done: () => void
}

/**
 * Shares the product state between replicas through Redis: one atomic script, four times a second, never on
 * the path of a call. Redis is advice: while it does not answer, this replica decides alone on its own
 * evidence, and takes the shared state over when they meet again.
 */
export class RedisStore implements FallbackStore {
  readonly kind = 'redis'
  readonly #options: RedisStoreOptions
  readonly #keys: string[]
  readonly #channel: string
  readonly #script = createScript(exchangeScript())
  readonly #opened = Promise.withResolvers<void>()
  readonly #orders: Order[] = []
  #context: StoreContext | undefined
  #state: LocalState | undefined
  #outbox: Outbox | undefined
  #link: Link | undefined
  #sharedCounts: WindowCounts = noCounts()
  #timer: TellTimer | undefined
  #attempts = 0
  #subscribed = false
  #degraded = false
  #problem = ''
  #lastAnswerAt = 0
  #hasAnswered = false
  #live = 1

  constructor(options: RedisStoreOptions) {
    const { pool = 'runtime' } = options
    this.#options = options
    this.#keys = ['v', 'w', 'r', 'log'].map((part) => `semibot:fb:{${pool}}:${part}`)
    this.#channel = `semibot:fb:{${pool}}:ch`
  }

  start(context: StoreContext): void {
    const { clock, random } = context
    const { windowSeconds, maxSamples } = context.rules()
    this.#context = context
    this.#state = new LocalState(this.#options.replica, context)
    this.#outbox = createOutbox({ windowSeconds, maxSamples, now: () => clock.now() })
    const timeoutMs = this.#options.commandTimeoutMs ?? 200
    this.#timer = createTellTimer({ clock, random, tell: () => this.#tell(), next: () => this.#next() })
    this.#link = createLink({ timeoutMs, clock, onLateAnswer: () => this.#timer?.now() })
    this.#lastAnswerAt = clock.now()
    this.#options.subscriber?.on('message', this.#onMessage)
    clock.setTimeout(this.#opened.resolve, READY_MS)
    this.#timer.now()
  }

  get record(): FallbackRecord {
    return this.#state?.record ?? initialRecord(0)
  }

  get revision(): number {
    return this.#state?.revision ?? 0
  }

  get degraded(): boolean {
    return this.#degraded
  }

  get decidesAlone(): boolean {
    return this.#degraded
  }

  get problem(): string {
    return this.#problem
  }

  get live(): number {
    return this.#degraded ? 1 : this.#live
  }

  counts(): WindowCounts {
    return this.#degraded && this.#state !== undefined ? this.#state.counts() : this.#sharedCounts
  }

  report(news: News): void {
    const { counts, trialSucceeded, urgent } = news
    if (this.#state === undefined || this.#outbox === undefined) return
    if (counts !== undefined) {
      this.#state.count(counts)
      this.#outbox.add(counts)
    }
    if (trialSucceeded !== undefined && !this.#degraded) this.#outbox.addTrial(trialSucceeded)
    if (!urgent) return
    if (this.#degraded) this.#decideAlone(null, trialSucceeded)
    // Counts wait for the next look: in a storm of errors there are four calls a second, too.
    else if (counts === undefined) this.#timer?.hurry(HURRY_MS)
  }

  order(command: Command): Promise<void> {
    return new Promise((done) => {
      this.#orders.push({ command, done })
      this.#timer?.now()
    })
  }

  ready(): Promise<void> {
    return this.#opened.promise
  }

  async close(): Promise<void> {
    const context = this.#context
    if (context === undefined) return
    this.#timer?.stop()
    const { subscriber } = this.#options
    subscriber?.off('message', this.#onMessage)
    const goodbyes = [this.#send(this.#message(true))]
    if (subscriber !== undefined) goodbyes.push(this.#link!.send(() => subscriber.unsubscribe(this.#channel)))
    this.#context = undefined
    await Promise.allSettled(goodbyes)
    this.#opened.resolve()
    for (const order of this.#orders.splice(0)) order.done()
  }

  /** One look at the shared state; never rejects. */
  async #tell(): Promise<void> {
    if (this.#context === undefined) return
    const order = this.#orders.shift()
    const askedAt = this.#context.clock.now()
    try {
      if (order !== undefined) this.#outbox!.order(order.command)
      this.#take(decodeReply(await this.#send(this.#message(false))), askedAt)
    } catch (error) {
      this.#doWithout(error, order)
    }
    order?.done()
  }

  /** An order that waits goes first. Until something is known of the others, Redis is asked again and again. */
  #next(): 'now' | 'soon' | 'later' {
    if (this.#orders.length > 0) return 'now'
    if (this.#context === undefined || this.#hasAnswered) return 'later'
    return this.#context.clock.now() - this.#lastAnswerAt < READY_MS ? 'soon' : 'later'
  }

  #message(leaving: boolean): Message {
    const { random, self } = this.#context!
    return {
      ...self(),
      ...this.#outbox!.next(),
      replica: this.#options.replica,
      attempt: ++this.#attempts,
      jitter: random() * 2 - 1,
      known: this.#state!.shared,
      leaving
    }
  }

  #send(message: Message): Promise<unknown> {
    const { clock, rules } = this.#context!
    const args = [this.#channel, encodeMessage(message, clock.now()), encodeRules(rules())]
    return this.#link!.send(() => this.#script(this.#options.client, this.#keys, args))
  }

  #take(reply: TimedReply, askedAt: number): void {
    const context = this.#context
    if (context === undefined) return
    const now = context.clock.now()
    this.#outbox!.delivered()
    this.#degraded = false
    this.#hasAnswered = true
    this.#problem = ''
    this.#lastAnswerAt = now
    this.#live = reply.live
    this.#sharedCounts = reply.counts
    this.#opened.resolve()
    this.#subscribe()
    const shift = now - reply.now
    const changes = reply.changes.map((change) => ({ ...change, record: shiftTimes(change.record, shift) }))
    const state = this.#state!
    // An answer that was overtaken by a newer one.
    if (reply.record.epoch < state.shared.epoch) return
    const { isNew, ...learned } = state.learn(shiftTimes(reply.record, shift), changes)
    if (isNew) this.#outbox!.clear()
    context.onUpdate({ ...learned, granted: reply.granted, askedAt })
    if (learned.decidedHere && context.self().wanted > 0) this.#timer?.hurry(HURRY_MS)
  }

  /** Redis did not answer: an order holds here all the same, and after a while this replica decides alone. */
  #doWithout(error: unknown, order: Order | undefined): void {
    const context = this.#context
    if (context === undefined) return
    this.#problem = error instanceof Error ? error.message : String(error)
    this.#degraded ||= context.clock.now() - this.#lastAnswerAt >= DEGRADED_AFTER_MS
    if (order !== undefined || this.#degraded) this.#decideAlone(order?.command ?? null)
  }

  #decideAlone(command: Command | null, trialSucceeded?: boolean): void {
    const context = this.#context
    if (context === undefined || this.#state === undefined) return
    const askedAt = context.clock.now()
    const { changes, granted } = this.#state.decide(command, trialSucceeded)
    if (changes.length > 0) this.#outbox!.clear()
    context.onUpdate({ changes, decidedHere: true, rejoined: false, granted, askedAt })
  }

  #subscribe(): void {
    const { subscriber } = this.#options
    if (subscriber === undefined || this.#subscribed) return
    this.#subscribed = true
    // Not through the link: commands of a connection that is down must not use up what Redis may leave unanswered.
    subscriber.subscribe(this.#channel).catch(() => {
      this.#subscribed = false
    })
  }

  readonly #onMessage = (channel: string, text: string): void => {
    if (channel !== this.#channel) return
    const notice = decodeNotice(text)
    // This replica's own change comes in the answer to its message.
    if (notice === null || notice.replica === this.#options.replica || notice.epoch <= this.record.epoch) return
    this.#timer?.hurry(0)
  }
}
