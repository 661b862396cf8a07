import type { Random } from './random.ts'

/** What can be done to what: the kinds of harm for each kind of target, with how often they are chosen. */
const HARM = {
  service: { kill: 4, terminate: 2, pause: 3, 'long-pause': 1 },
  worker: { 'kill-worker': 2, 'pause-worker': 2 },
  server: { crash: 1 },
  road: { cut: 4, refuse: 3, hang: 2, delay: 1 },
  model: { 'model-429': 1, 'model-500': 1, 'model-cut': 1, 'model-stall': 1, 'model-hang': 1 }
} as const

export type TargetKind = keyof typeof HARM
export type StrikeKind = { [Kind in TargetKind]: keyof (typeof HARM)[Kind] }[TargetKind]

export interface Target {
  name: string
  kind: TargetKind
  /** How often it is chosen, against the others. */
  weight: number
}

/** One fault: from when on, what, and for how long. What was ended is started again when the time is over. */
export interface Strike {
  atMs: number
  forMs: number
  kind: StrikeKind
  target: string
}

/** How long each kind lasts, shortest and longest, milliseconds. The cut of a connection has no length. */
const LENGTHS: Readonly<Record<StrikeKind, readonly [number, number]>> = {
  kill: [0, 3000],
  terminate: [0, 2000],
  pause: [500, 5000],
  // Longer than the others believe that a silent process lives.
  'long-pause': [11_000, 14_000],
  'kill-worker': [0, 0],
  'pause-worker': [500, 6000],
  crash: [0, 2500],
  cut: [0, 0],
  refuse: [300, 4000],
  hang: [300, 4000],
  delay: [1000, 5000],
  'model-429': [500, 3000],
  'model-500': [500, 3000],
  'model-cut': [500, 3000],
  'model-stall': [200, 1000],
  'model-hang': [200, 1000]
}

/** Quiet at the beginning, so that chats are under way when the first fault comes. */
export const CALM_MS = 2000
/** From one fault to the next. */
const GAP_MS = [500, 2500] as const
/** A process that was ended is not struck again before it can be up. */
const REST_MS = 4000
/** More at once would only show that nothing works when everything is gone. */
export const MAX_AT_ONCE = 3

/** The faults of one round, in the order in which they begin; all are over at `lengthMs`. */
export function planStrikes(random: Random, targets: readonly Target[], lengthMs: number): Strike[] {
  const strikes: Strike[] = []
  const freeAt = new Map<string, number>()
  for (let atMs = CALM_MS; ; atMs += random.between(...GAP_MS)) {
    const free = targets.filter(({ name }) => (freeAt.get(name) ?? 0) <= atMs)
    const under = strikes.filter((strike) => strike.atMs + strike.forMs > atMs).length
    const { name, kind: targetKind } = weighted(random, free, ({ weight }) => weight) ?? {}
    if (atMs >= lengthMs) return strikes
    if (name === undefined || targetKind === undefined || under >= MAX_AT_ONCE) continue
    const [kind] = weighted(random, Object.entries(HARM[targetKind]) as [StrikeKind, number][], ([, weight]) => weight)!
    const forMs = random.between(...LENGTHS[kind])
    if (atMs + forMs > lengthMs) continue
    strikes.push({ atMs, forMs, kind, target: name })
    freeAt.set(name, atMs + forMs + REST_MS)
  }
}

function weighted<T>(random: Random, list: readonly T[], weightOf: (item: T) => number): T | undefined {
  let left = random.next() * list.reduce((sum, item) => sum + weightOf(item), 0)
  return list.find((item) => {
    left -= weightOf(item)
    return left < 0
  })
}

/** As it stands in the report: `12.3 s: pause api-0 for 4.1 s`. */
export function describeStrike({ atMs, forMs, kind, target }: Strike): string {
  const length = forMs === 0 ? '' : ` for ${(forMs / 1000).toFixed(1)} s`
  return `${(atMs / 1000).toFixed(1)} s: ${kind} ${target}${length}`
}
