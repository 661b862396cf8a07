import type { DrillSite } from './drill-site.ts'
import type { LoadCounts } from './load.ts'

/** Where an operator looks. */
export type View = 'chats' | 'alert' | 'log' | 'endpoint'

/** Something that must be seen after an act. */
export interface Sighting {
  view: View
  what: string
  /** From the act on. */
  withinMs: number
  /** The evidence in words; undefined as long as it is not there. What it throws counts as not yet. */
  look(site: DrillSite, since: number): Promise<string | undefined> | string | undefined
}

/** One act and what follows from it. */
export interface Phase {
  name: string
  /** Does it, and says what was done. */
  act(site: DrillSite): Promise<string> | string
  sightings: readonly Sighting[]
  /** What must not have happened when the others have been seen. */
  unwanted?: readonly Sighting[]
}

/** How long rules take to act. */
export interface Pace {
  fast: boolean
  /** Milliseconds of a duration that stands in the rules or in Alertmanager's configuration, with room for a busy machine. */
  ruled(milliseconds: number): number
}

export interface Scenario {
  /** As on the command line. */
  name: string
  /** As in docs/runtime-observability.md. */
  title: string
  about: string
  chatsPerSecond: number
  /** Failures of chats that belong to it; everything else that fails is a finding. Default: none. */
  mayFail?: RegExp
  /** Parts of the site that it cannot do without. */
  needs?: readonly 'redis'[]
  phases(pace: Pace): readonly Phase[]
  /** What is not waited for at this pace, in a sentence. */
  notAwaited?(pace: Pace): string | undefined
}

/** How one sighting came out. */
export interface Seen {
  view: View
  what: string
  withinMs: number
  /** null: not seen in time. */
  afterMs: number | null
  evidence: string
}

export interface PhaseReport {
  name: string
  act: string
  seen: Seen[]
}

export interface DrillReport {
  scenario: string
  title: string
  fast: boolean
  passed: boolean
  durationMs: number
  phases: PhaseReport[]
  chats: LoadCounts
  /** Whole sentences; empty when everything was as it should be. */
  findings: string[]
  /** What this machine has not, so that it was not looked at. */
  notWatched: string[]
}
