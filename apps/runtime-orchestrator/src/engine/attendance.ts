import type { FlowControl } from '@semibot/chat-protocol/event-stream'

/**
 * Those who wait for one execution. As a FlowControl it is congested while every one of them is: the fastest
 * reader sets the pace, and the others fall back on the event log.
 */
export class Attendance implements FlowControl {
  readonly #present = new Set<FlowControl>()
  readonly #onEmpty: () => void
  /** Those who wait for one of them to be ready. */
  readonly #waiting = new Set<() => void>()

  /** `onEmpty` is called when the last one has left. */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  get congested(): boolean {
    if (this.#present.size === 0) return false
    for (const flow of this.#present) if (!flow.congested) return false
    return true
  }

  onDrained(callback: () => void): void {
    if (!this.congested) {
      callback()
      return
    }
    const goOn = () => {
      if (this.#waiting.delete(goOn)) callback()
    }
    this.#waiting.add(goOn)
    for (const flow of this.#present) flow.onDrained(goOn)
  }

  /** Returns the function that leaves again. */
  enter(flow: FlowControl): () => void {
    // An object of its own per visit: the same flow may come twice.
    const visit: FlowControl = {
      get congested() {
        return flow.congested
      },
      onDrained: (callback) => flow.onDrained(callback)
    }
    this.#present.add(visit)
    // Who waits for the others waits for this one as well: it may be quicker than they are.
    for (const goOn of [...this.#waiting]) flow.onDrained(goOn)
    return () => {
      if (this.#present.delete(visit) && this.#present.size === 0) this.#onEmpty()
    }
  }
}

/** The flow of somebody who waits for the end only. */
export const NEVER_CONGESTED: FlowControl = { congested: false, onDrained: (callback) => callback() }
