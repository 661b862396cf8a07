import type { ShedReason } from '@semibot/metrics'
import { RequestError } from '@semibot/service-kit'

/** Door of the process: at most so many chats at once, and a short queue in front. */
export interface Admission {
  /** Chats inside. */
  readonly inFlight: number
  /** Chats that wait. */
  readonly waiting: number
  /**
   * Takes a place, if need be after a wait.
   *
   * @returns what gives the place back; calling it again does nothing.
   * @throws RequestError OVERLOADED with Retry-After when the queue is full or the wait was too long;
   *   the signal's reason when it was aborted meanwhile.
   */
  acquire(signal: AbortSignal): Promise<() => void>
}

export interface AdmissionOptions {
  maxInFlight: number
  queueLength: number
  queueTimeoutMs: number
  /** Called for each refused chat. */
  onShed: (reason: ShedReason) => void
}

interface Waiter {
  admit: () => void
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { maxInFlight, queueLength, queueTimeoutMs, onShed } = options
  // A Set keeps the order of arrival and forgets one that gives up in constant time.
  const queue = new Set<Waiter>()
  let inFlight = 0

  function place(): () => void {
    let released = false
    return () => {
      if (released) return
      released = true
      const next = queue.values().next().value
      // The place goes straight to the longest waiter, so nobody who comes later can take it first.
      if (next === undefined) inFlight--
      else next.admit()
    }
  }

  function refuse(reason: ShedReason): RequestError {
    onShed(reason)
    return new RequestError('OVERLOADED', 'Too many chats are running; try again in a moment.', {
      retryAfterSeconds: Math.ceil(queueTimeoutMs / 1000)
    })
  }

  function wait(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit: () => {
          leave()
          resolve(place())
        }
      }
      const timer = setTimeout(() => {
        leave()
        reject(refuse('queue_timeout'))
      }, queueTimeoutMs)
      const onAbort = () => {
        leave()
        reject(signal.reason)
      }
      const leave = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        queue.delete(waiter)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      queue.add(waiter)
    })
  }

  return {
    get inFlight() {
      return inFlight
    },
    get waiting() {
      return queue.size
    },
    async acquire(signal) {
      signal.throwIfAborted()
      if (inFlight < maxInFlight) {
        inFlight++
        return place()
      }
      if (queue.size >= queueLength) throw refuse('queue_full')
      return await wait(signal)
    }
  }
}
