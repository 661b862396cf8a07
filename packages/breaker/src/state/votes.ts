import type { Tally, VoteReason } from './reducer.ts'
import type { FallbackRules } from './rules.ts'

/** What is known of one replica. */
export interface ReplicaEntry {
  /** Number of its latest message, and of the latest part that was counted. */
  attempt: number
  part: number
  seenAt: number
  vote: VoteReason | ''
}

/** The replicas that take part, and what they say. */
export interface Replicas {
  entries: Map<string, ReplicaEntry>
  /** When the first one spoke after a silence of all. */
  bornAt: number
}

/** Nobody yet. */
export function noReplicas(): Replicas {
  return { entries: new Map(), bornAt: 0 }
}

/** Notes that a replica speaks now: starts the count anew after a silence, forgets those that are gone. */
export function noteSpeaker(replicas: Replicas, now: number, rules: FallbackRules): void {
  const { entries } = replicas
  let anybody = false
  for (const [id, entry] of entries) {
    const silentMs = now - entry.seenAt
    if (silentMs <= rules.liveMs) anybody = true
    if (silentMs > rules.forgetMs) entries.delete(id)
  }
  if (!anybody) replicas.bornAt = now
}

/** The votes of live replicas; null until each of them had time to speak. */
export function tally(replicas: Replicas, now: number, rules: FallbackRules): Tally | null {
  if (now - replicas.bornAt < rules.settleMs) return null
  let open = 0
  let live = 0
  let unavailable = 0
  for (const entry of replicas.entries.values()) {
    if (now - entry.seenAt > rules.liveMs) continue
    live++
    if (entry.vote !== '') open++
    if (entry.vote === 'unavailable') unavailable++
  }
  return { open, live, reason: unavailable * 2 >= open ? 'unavailable' : 'health' }
}

/** Takes all votes back: what comes from now on is new evidence. The voters stay known. */
export function clearVotes(replicas: Replicas): void {
  for (const entry of replicas.entries.values()) entry.vote = ''
}
