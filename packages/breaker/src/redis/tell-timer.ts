import type { Clock } from '../clock.ts'
import { TICK_MS } from '../store/store.ts'

/** Something urgent is told at once, but no sooner than this after the last message. */
export const HURRY_MS = 20
/** Of the tick, at random, so that replicas do not speak in chorus. */
const TICK_JITTER = 0.1

export interface TellTimerOptions {
  clock: Clock
  /** 0..1 */
  random: () => number
  /** Sends one message and takes its answer. Must not reject. */
  tell: () => Promise<void>
  /** When the next message is due: `now`, after `HURRY_MS`, or when the tick or an urgent matter says so. */
  next: () => 'now' | 'soon' | 'later'
}

/** Decides when a replica talks to Redis: every `TICK_MS`, sooner when something is urgent, one message at a time. */
export interface TellTimer {
  /** Tells now. While a message is under way nothing happens: `next` is asked when it has been answered. */
  now(): void
  /** Tells soon: `gapMs` after the latest message began, at the earliest, and never while one is under way. */
  hurry(gapMs: number): void
  stop(): void
}

/** A timer that begins with the first call of `now` or `hurry`. */
export function createTellTimer({ clock, random, tell, next }: TellTimerOptions): TellTimer {
  let timer: unknown
  let dueAt = Number.POSITIVE_INFINITY
  let isTelling = false
  let toldAt = Number.NEGATIVE_INFINITY
  /** What came up while a message was under way must be told so long after it. */
  let urgentGapMs = Number.POSITIVE_INFINITY
  let isStopped = false

  function schedule(delayMs: number): void {
    if (isStopped || isTelling) return
    const at = clock.now() + delayMs
    if (at >= dueAt) return
    clock.clearTimeout(timer)
    dueAt = at
    timer = clock.setTimeout(() => {
      dueAt = Number.POSITIVE_INFINITY
      void run()
    }, delayMs)
  }

  function hurry(gapMs: number): void {
    if (isTelling) urgentGapMs = Math.min(urgentGapMs, gapMs)
    else schedule(Math.max(0, toldAt + gapMs - clock.now()))
  }

  async function run(): Promise<void> {
    isTelling = true
    const beganAt = clock.now()
    await tell()
    isTelling = false
    const due = next()
    if (due === 'now') return schedule(0)
    toldAt = beganAt
    const gapMs = due === 'soon' ? HURRY_MS : urgentGapMs
    urgentGapMs = Number.POSITIVE_INFINITY
    if (gapMs <= HURRY_MS) hurry(gapMs)
    else schedule(TICK_MS * (1 + TICK_JITTER * (random() * 2 - 1)))
  }

  return {
    now: () => schedule(0),
    hurry,
    stop() {
      isStopped = true
      clock.clearTimeout(timer)
    }
  }
}
