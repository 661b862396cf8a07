import type { Places } from './places.ts'

/** Executions whose worker is remembered; the oldest goes first. */
const MAX_OWNED = 100_000

export type BookedClaim =
  | { kind: 'granted' }
  | { kind: 'refused'; reason: 'full' | 'org_share' }
  | { kind: 'elsewhere'; worker: number }

/**
 * Which worker has which execution, and how many places each worker holds: the launcher's book, so that the limit
 * holds for all workers together and an execution never runs in two of them.
 */
export interface PlaceBook {
  claim(worker: number, executionId: string, orgId: string): BookedClaim
  /** `givenAway`: the worker has left this execution, and any may go on with it. */
  release(worker: number, orgId: string, givenAway?: string): void
  ownerOf(executionId: string): number | undefined
  /** The worker is gone, with all that it ran. */
  gone(worker: number): void
}

export function createPlaceBook(places: Places, maxOwned: number = MAX_OWNED): PlaceBook {
  const owners = new Map<string, number>()
  const held = new Map<number, Map<string, number>>()
  return {
    claim(worker, executionId, orgId) {
      const owner = owners.get(executionId)
      if (owner !== undefined && owner !== worker) return { kind: 'elsewhere', worker: owner }
      const reason = places.take(orgId)
      if (reason !== undefined) return { kind: 'refused', reason }
      const counts = held.get(worker) ?? new Map<string, number>()
      counts.set(orgId, (counts.get(orgId) ?? 0) + 1)
      held.set(worker, counts)
      owners.delete(executionId)
      owners.set(executionId, worker)
      if (owners.size > maxOwned) owners.delete(owners.keys().next().value as string)
      return { kind: 'granted' }
    },
    release(worker, orgId, givenAway) {
      if (givenAway !== undefined && owners.get(givenAway) === worker) owners.delete(givenAway)
      const counts = held.get(worker)
      const count = counts?.get(orgId)
      if (counts === undefined || count === undefined) return
      if (count === 1) counts.delete(orgId)
      else counts.set(orgId, count - 1)
      places.give(orgId)
    },
    ownerOf: (executionId) => owners.get(executionId),
    gone(worker) {
      for (const [orgId, count] of held.get(worker) ?? []) {
        for (let given = 0; given < count; given++) places.give(orgId)
      }
      held.delete(worker)
      for (const [executionId, owner] of owners) if (owner === worker) owners.delete(executionId)
    }
  }
}
