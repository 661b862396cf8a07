import fc from 'fast-check'
import { noCounts } from '../../src/rolling-window.ts'
import type { Message } from '../../src/state/exchange.ts'
import type { FallbackRecord } from '../../src/state/record.ts'
import type { Command, VoteReason } from '../../src/state/reducer.ts'
import { DEFAULT_RULES, type FallbackRules } from '../../src/state/rules.ts'

export const RULES: FallbackRules = {
  ...DEFAULT_RULES,
  thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 }
}

/** One thing that may happen to the keeper; which epoch it belongs to is settled when it happens. */
export interface Step {
  afterMs: number
  replica: string
  message: Omit<Message, 'replica' | 'attempt' | 'part' | 'known'>
  knows: 'current' | 'older' | 'newer' | 'other'
  other: Pick<FallbackRecord, 'state' | 'streak' | 'rule' | 'force'> & { untilInMs: number; ahead: number }
  samePart: boolean
  late: boolean
}

const counts = fc.tuple(fc.nat(40), fc.nat(40), fc.nat(40), fc.nat(300_000)).map(([ok, errors, timeouts, mean]) => {
  const samples = ok + errors + timeouts
  return { samples, errors, timeouts, latencyMs: samples * mean, slow: Math.min(samples, ok % 7), slowFirstTokens: 0 }
})

/** Good calls only, in numbers that meet the limit of the window exactly. */
const goodCounts = fc.constantFrom(10, 20, 50, 100).map((samples) => ({ ...noCounts(), samples, latencyMs: samples }))

const text = fc.constantFrom('', 'deploy', '维护 "quoted" \\ 2')
const actor = fc.constantFrom('operator:ab12', '管理员')
const expiresInMs = fc.integer({ min: 1, max: 100_000 })

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant('reset' as const), actor }),
  fc.record({ type: fc.constantFrom('force_open' as const, 'force_closed' as const), actor, text, expiresInMs }),
  fc.record({ type: fc.constant('force_auto' as const), actor })
)

const force = fc.option(
  fc.record({ mode: fc.constantFrom('open' as const, 'closed' as const), until: fc.nat(100_000), actor, text }),
  { freq: 4 }
)

export const pauseMs = fc.oneof(
  { weight: 6, arbitrary: fc.nat(600) },
  { weight: 3, arbitrary: fc.nat(6000) },
  { weight: 2, arbitrary: fc.constantFrom(1000, 2000, 3000, 10_000, 30_000, 31_000, 300_000) },
  { weight: 1, arbitrary: fc.nat(400_000) }
)

export const step: fc.Arbitrary<Step> = fc.record({
  afterMs: pauseMs,
  replica: fc.constantFrom('a', 'b', 'c'),
  message: fc.record({
    counts: fc.oneof(
      { weight: 2, arbitrary: counts },
      { weight: 2, arbitrary: goodCounts },
      { weight: 1, arbitrary: fc.constant(noCounts()) }
    ),
    succeeded: fc.nat(12),
    failed: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
    isRepeated: fc.boolean(),
    command: fc.option(command, { freq: 12 }).map((value) => value as Command | null),
    wanted: fc.nat(8),
    vote: fc.constantFrom<VoteReason | ''>('', '', '', 'unavailable', 'health'),
    healthRecovered: fc.oneof(
      { weight: 4, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) }
    ),
    jitter: fc.double({ min: -1, max: 1, noNaN: true }),
    leaving: fc.oneof({ weight: 12, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
  }),
  knows: fc.constantFrom('current', 'current', 'current', 'current', 'current', 'current', 'older', 'newer', 'other'),
  other: fc.record({
    state: fc.constantFrom('closed' as const, 'open' as const, 'half_open' as const),
    streak: fc.nat(6),
    rule: fc.constantFrom('error_rate' as const, 'unavailable' as const),
    force,
    untilInMs: fc.nat(600_000),
    ahead: fc.integer({ min: 1, max: 3 })
  }),
  samePart: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  late: fc.oneof({ weight: 15, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
})

/** What the replica of a step believes, given what the keeper really holds. */
export function knownOf(step: Step, record: FallbackRecord, now: number): FallbackRecord {
  const { state, streak, rule, force: other, untilInMs, ahead } = step.other
  const shifted = other && { ...other, until: other.until + now }
  const made: FallbackRecord = {
    ...record,
    state: shifted?.mode ?? state,
    streak,
    rule: shifted === null ? rule : 'forced',
    force: shifted,
    until: (shifted?.mode ?? state) === 'open' ? now + untilInMs : 0
  }
  if (step.knows === 'older') return { ...record, epoch: Math.max(0, record.epoch - ahead) }
  if (step.knows === 'newer') return { ...made, epoch: record.epoch + ahead }
  return step.knows === 'other' ? made : record
}

/** Numbers the messages of each replica as a replica would. */
export function createNumbering(): (step: Step) => { attempt: number; part: number } {
  const last = new Map<string, { attempt: number; part: number }>()
  return ({ replica, samePart, late }) => {
    const before = last.get(replica) ?? { attempt: 0, part: 0 }
    if (late && before.attempt > 0) return before
    const next = { attempt: before.attempt + 1, part: before.part + (samePart && before.part > 0 ? 0 : 1) }
    last.set(replica, next)
    return next
  }
}

/** How many runs a property gets: `BREAKER_PROPERTY_RUNS`, or what suits a normal test run. */
export function propertyRuns(normally: number): number {
  return Number(process.env.BREAKER_PROPERTY_RUNS ?? normally)
}
