import { z } from 'zod'
import { MAX_ANSWER_TOKENS } from '../answer/plan-answer.ts'
import { FAULT_KINDS, type Fault, makeFault } from './fault.ts'

const milliseconds = z.int().min(0).max(600_000)

const faultSchema = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  status: z.int().min(400).max(599).optional(),
  /** Seconds, sent as Retry-After. */
  retryAfter: z.int().min(0).max(3600).optional(),
  after: z.int().min(0).max(1_000_000).optional(),
  gapMs: milliseconds.optional(),
  /** For how many calls; left out, until the next reset. */
  times: z.int().min(1).max(1_000_000).optional(),
  /** Only each n-th of the calls that match. */
  every: z.int().min(1).max(1_000_000).optional(),
  /** Only calls whose question has this text in it. */
  match: z.string().min(1).max(1000).optional()
})

/** Body of `POST /control`: what is given changes, the rest stays. */
export const controlSchema = z.strictObject({
  /** Time to the first piece. */
  firstTokenMs: milliseconds.optional(),
  /** Time between the pieces. */
  gapMs: milliseconds.optional(),
  /** Exact number of tokens of each answer; null: as long as it comes. */
  length: z.int().min(1).max(MAX_ANSWER_TOKENS).nullable().optional(),
  /** Marks each word with its position and the number of the call. */
  vary: z.boolean().optional(),
  /** Whether answers carry token counts. */
  usage: z.boolean().optional(),
  /** Only requests with this bearer token are answered; null: all. */
  apiKey: z.string().min(1).max(500).nullable().optional(),
  faults: z.array(faultSchema).max(100).optional()
})

export type Control = z.infer<typeof controlSchema>

export interface Settings {
  firstTokenMs: number
  gapMs: number
  length: number | null
  vary: boolean
  usage: boolean
  apiKey: string | null
  faults: NonNullable<Control['faults']>
}

export function defaultSettings(firstTokenMs: number, gapMs: number): Settings {
  return { firstTokenMs, gapMs, length: null, vary: false, usage: true, apiKey: null, faults: [] }
}

function withoutUndefined(control: Control): Partial<Settings> {
  return Object.fromEntries(Object.entries(control).filter(([, value]) => value !== undefined)) as Partial<Settings>
}

/** The settings of the following calls, and which of its faults hit which call. */
export class Controls {
  readonly #defaults: Settings
  #settings: Settings
  /** Matching calls so far, and hits so far, of each fault. */
  #seen: { calls: number; hits: number }[] = []

  constructor(defaults: Settings) {
    this.#defaults = defaults
    this.#settings = defaults
  }

  get settings(): Readonly<Settings> {
    return this.#settings
  }

  change(control: Control): void {
    this.#settings = { ...this.#settings, ...withoutUndefined(control) }
    if (control.faults !== undefined) this.#seen = control.faults.map(() => ({ calls: 0, hits: 0 }))
  }

  reset(): void {
    this.#settings = this.#defaults
    this.#seen = []
  }

  /** The first fault that hits this call; counts the call for every fault that it matches. */
  nextFault(question: string): Fault | undefined {
    let hit: Fault | undefined
    for (const [index, { kind, times, every, match, ...options }] of this.#settings.faults.entries()) {
      const seen = this.#seen[index]!
      if (match !== undefined && !question.includes(match)) continue
      seen.calls++
      if (hit !== undefined || seen.calls % (every ?? 1) !== 0 || seen.hits >= (times ?? Number.POSITIVE_INFINITY))
        continue
      seen.hits++
      hit = makeFault(kind, withoutUndefinedOptions(options))
    }
    return hit
  }
}

function withoutUndefinedOptions(options: object): Partial<Omit<Fault, 'kind'>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
