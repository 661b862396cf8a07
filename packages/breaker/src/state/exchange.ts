import { createRollingWindow, type RollingWindow } from '../rolling-window.ts'
import type { WindowCounts } from '../types.ts'
import { type FallbackRecord, initialRecord, isNewer } from './record.ts'
import { type Command, countTrials, decide, endForce, grantPermits, obey, type VoteReason } from './reducer.ts'
import type { FallbackRules } from './rules.ts'
import { clearVotes, noReplicas, noteSpeaker, type Replicas, tally } from './votes.ts'

/** What a replica tells the keeper of the state, several times a second. */
export interface Message {
  replica: string
  /** Goes up with every message: one that arrives late, after a newer one, changes nothing. */
  attempt: number
  /** Number of the part below; a part that comes twice is counted once. */
  part: number
  counts: WindowCounts
  succeeded: number
  failed: number
  command: Command | null
  /** The part may have been sent before: its order holds only if the state is still the one that it was given in. */
  isRepeated: boolean
  /** Permits for trials that the replica could use now. */
  wanted: number
  vote: VoteReason | ''
  healthRecovered: boolean
  /** -1..1 at random: the keeper has no random numbers of its own. */
  jitter: number
  /** The state as the replica knows it, on the keeper's clock. Its epoch is the one of the evidence above. */
  known: FallbackRecord
  /** The replica says goodbye: its vote and its voice are gone. */
  leaving: boolean
}

/** One change of the product state, with the numbers that justified it. */
export interface Change {
  from: FallbackRecord['state']
  record: FallbackRecord
  actor: string
  counts: WindowCounts
  votes: number
  live: number
  results: number
  failures: number
}

/** What the keeper answers. */
export interface Reply {
  record: FallbackRecord
  granted: number
  live: number
  counts: WindowCounts
  changes: Change[]
}

/** Everything that the keeper of the state keeps. */
export interface Keeper {
  record: FallbackRecord
  window: RollingWindow
  replicas: Replicas
  now: number
}

/** Whom a change is ascribed to when no operator ordered it. */
export const AUTOMATIC = 'automatic'

/** A keeper without any past. */
export function createKeeper(now: number, rules: FallbackRules): Keeper {
  const { windowSeconds, maxSamples } = rules
  const window = createRollingWindow({ windowSeconds, maxSamples, now: () => keeper.now })
  const keeper: Keeper = { record: initialRecord(now), window, replicas: noReplicas(), now }
  return keeper
}

/**
 * Takes one message and decides. This is the whole rule of the product state, in process; redis/script.ts is
 * the same rule in Lua, and a test holds the two equal, step by step. Change them together.
 */
export function exchange(keeper: Keeper, message: Message, now: number, rules: FallbackRules): Reply {
  keeper.now = now
  const changes: Change[] = []
  const { entries } = keeper.replicas
  const before = entries.get(message.replica)
  if (before !== undefined && message.attempt <= before.attempt) return reply(keeper, 0, changes, now, rules)

  if (isNewer(message.known, keeper.record)) adopt(keeper, message.known, now, rules)
  noteSpeaker(keeper.replicas, now, rules)
  const isNewPart = before === undefined || message.part > before.part
  const isCurrent = () => message.known.epoch === keeper.record.epoch
  if (message.leaving) entries.delete(message.replica)
  else {
    const { attempt, part } = message
    const vote = isCurrent() ? message.vote : ''
    entries.set(message.replica, { attempt, part: isNewPart ? part : before.part, seenAt: now, vote })
  }

  const move = (next: FallbackRecord, actor: string) => {
    const { record, window } = keeper
    if (next.epoch !== record.epoch) {
      const votes = tally(keeper.replicas, now, rules)
      const { results, failures } = record
      const counted = { counts: window.totals(), votes: votes?.open ?? 0, live: votes?.live ?? 0, results, failures }
      changes.push({ from: record.state, record: next, actor, ...counted })
      window.clear()
      clearVotes(keeper.replicas)
    }
    keeper.record = next
  }

  const { force } = keeper.record
  if (force !== null && now >= force.until) move(endForce(keeper.record, now), AUTOMATIC)
  const mayObey = isNewPart && (!message.isRepeated || isCurrent())
  if (mayObey && message.command !== null) move(obey(keeper.record, message.command, now), message.command.actor)
  if (isNewPart && isCurrent() && keeper.record.force === null) {
    if (keeper.record.state === 'closed' && message.counts.samples > 0) keeper.window.add(message.counts)
    keeper.record = countTrials(keeper.record, message.succeeded, message.failed)
  }
  const evidence = {
    summary: keeper.window.summary(),
    tally: tally(keeper.replicas, now, rules),
    healthRecovered: message.healthRecovered && isCurrent(),
    jitter: message.jitter
  }
  move(decide(keeper.record, evidence, now, rules), AUTOMATIC)

  const { record, granted } = grantPermits(keeper.record, message.wanted, now, rules)
  keeper.record = record
  return reply(keeper, granted, changes, now, rules)
}

/** Takes over a newer record, known to a replica after the keeper has lost it or was replaced by an older copy. */
function adopt(keeper: Keeper, known: FallbackRecord, now: number, rules: FallbackRules): void {
  const { state, force } = known
  // Nobody knows which permits are out, so there are none for one lease.
  const grants = Array<number>(rules.permits).fill(now)
  const until = state === 'open' && force === null ? Math.min(known.until, now + rules.backoffMaxMs) : known.until
  keeper.record = { ...known, until, grants }
  keeper.window.clear()
  clearVotes(keeper.replicas)
}

function reply(keeper: Keeper, granted: number, changes: Change[], now: number, rules: FallbackRules): Reply {
  let live = 0
  for (const { seenAt } of keeper.replicas.entries.values()) if (now - seenAt <= rules.liveMs) live++
  return { record: keeper.record, granted, live, counts: keeper.window.totals(), changes }
}
