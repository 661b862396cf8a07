import type { Clock } from '../clock.ts'

/** No answer came in time. Whether Redis has carried the command out, or still will, is unknown. */
export class RedisTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`Redis did not answer within ${timeoutMs} ms`)
    this.name = 'RedisTimeout'
  }
}

export interface LinkOptions {
  timeoutMs: number
  clock: Clock
  /** A command that had been given up was answered after all: Redis is back. */
  onLateAnswer: () => void
}

/** So many commands may be without an answer at once; a hung Redis is not sent more than that. */
const MAX_UNANSWERED = 4

/** Sends commands that may never be answered: each is waited for at most so long, and few pile up. */
export interface Link {
  send<T>(command: () => Promise<T>): Promise<T>
}

/** @see Link */
export function createLink({ timeoutMs, clock, onLateAnswer }: LinkOptions): Link {
  let unanswered = 0
  return {
    send(command) {
      if (unanswered >= MAX_UNANSWERED) return Promise.reject(new RedisTimeout(timeoutMs))
      unanswered++
      return new Promise((resolve, reject) => {
        let given = false
        const timer = clock.setTimeout(() => {
          given = true
          reject(new RedisTimeout(timeoutMs))
        }, timeoutMs)
        const settle = (finish: () => void, answered: boolean) => {
          unanswered--
          clock.clearTimeout(timer)
          if (!given) finish()
          else if (answered) onLateAnswer()
        }
        command().then(
          (answer) => settle(() => resolve(answer), true),
          (error: unknown) => settle(() => reject(error), false)
        )
      })
    }
  }
}
