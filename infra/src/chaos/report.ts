/** What must hold, whatever goes wrong: the name of each stands in the report. */
export const INVARIANTS = {
  ends: 'a stream ends with a terminal event or a destroyed socket, in time',
  ids: 'the ids of an execution are without gap or repetition, over all resumes',
  terminal: 'an execution is told exactly one end, and nothing after it',
  text: 'the text that was told is the text that is stored',
  whole: 'an answer is whole, and each part of it is of one model call',
  sameEnd: 'the end that was told is the end that is stored',
  oneKey: 'an Idempotency-Key never gives two executions',
  kept: 'a chat that was accepted is never lost',
  errors: 'an error has a documented code with its status, and is never the fault of a caller who made none',
  settled: 'no execution stays running, and no session stays busy',
  nothingLeft: 'nothing is left under way in a process or at the model',
  effects: 'the effect of a tool happens at most once',
  allEffects: 'a chat that the runtime completed has had the effects of its tools',
  processes: 'no process dies by itself, and one that is told to end does',
  works: 'afterwards chats work in both modes at each api, and the breaker is closed'
} as const

export type Invariant = keyof typeof INVARIANTS

/** What a round came to. */
export interface Report {
  /** One more look at something that must hold. */
  checked(invariant: Invariant, times?: number): void
  violated(invariant: Invariant, detail: string): void
  /** Something that may happen, and how often it did. */
  count(what: string): void
  violationsOf(invariant: Invariant): readonly string[]
  checksOf(invariant: Invariant): number
  /** The counts of all names that begin so, the most frequent first: `410 EVENTS_EXPIRED 12, ...`. */
  counts(prefix: string): string
  countOf(what: string): number
  /** Keeps the longest of the times that something took, milliseconds. */
  took(milliseconds: number): void
  readonly longestMs: number
}

export function createReport(note: (text: string) => void): Report {
  const checks = new Map<Invariant, number>()
  const violations = new Map<Invariant, string[]>()
  const counts = new Map<string, number>()
  let longestMs = 0
  const checked = (invariant: Invariant, times = 1) => void checks.set(invariant, (checks.get(invariant) ?? 0) + times)
  return {
    checked,
    violated(invariant, detail) {
      note(`VIOLATION ${INVARIANTS[invariant]}: ${detail}`)
      violations.set(invariant, [...(violations.get(invariant) ?? []), detail])
    },
    count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
    violationsOf: (invariant) => violations.get(invariant) ?? [],
    checksOf: (invariant) => checks.get(invariant) ?? 0,
    counts: (prefix) =>
      [...counts]
        .filter(([what]) => what.startsWith(prefix))
        .sort(([, one], [, other]) => other - one)
        .map(([what, times]) => `${what.slice(prefix.length)} ${times}`)
        .join(', ') || 'none',
    countOf: (what) => counts.get(what) ?? 0,
    took: (milliseconds) => {
      longestMs = Math.max(longestMs, milliseconds)
    },
    get longestMs() {
      return longestMs
    }
  }
}
