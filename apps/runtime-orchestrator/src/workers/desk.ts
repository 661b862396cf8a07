import type { Claim } from '../plugins/capacity.ts'
import type { Answer, Question, RuntimeState } from './messages.ts'
import { createPlaceBook } from './place-book.ts'
import type { Places } from './places.ts'

export interface DeskOptions {
  places: Places
  /** At which port a worker takes calls of the others; undefined when it is not ready, or gone. */
  portOf: (worker: number) => number | undefined
  /** The metrics of all workers as one page. */
  metrics: () => Promise<string>
  /** Workers that take calls, and how many there should be. */
  workers: () => Pick<RuntimeState, 'workers' | 'wanted'>
}

/** Where the launcher answers its workers. */
export interface Desk {
  answer(worker: number, question: Question): Answer | Promise<Answer>
  release(worker: number, orgId: string, givenAway?: string): void
  /** The worker is gone: what it held is free. */
  gone(worker: number): void
}

export function createDesk({ places, portOf, metrics, workers }: DeskOptions): Desk {
  const book = createPlaceBook(places)
  return {
    answer(worker, question) {
      switch (question.name) {
        case 'claim':
          return claim(worker, question.ask.executionId, question.ask.orgId)
        case 'find': {
          const owner = book.ownerOf(question.ask.executionId)
          return owner === undefined || owner === worker ? null : (portOf(owner) ?? null)
        }
        case 'state':
          return { inFlight: places.inFlight, ...workers() }
        case 'metrics':
          return metrics()
      }
    },
    release: (worker, orgId, givenAway) => book.release(worker, orgId, givenAway),
    gone: (worker) => book.gone(worker)
  }

  function claim(worker: number, executionId: string, orgId: string): Claim {
    const claim = book.claim(worker, executionId, orgId)
    if (claim.kind !== 'elsewhere') return claim
    const port = portOf(claim.worker)
    // It runs, but cannot be reached yet: the caller comes again in a moment.
    return port === undefined ? { kind: 'refused', reason: 'full' } : { kind: 'elsewhere', port }
  }
}
