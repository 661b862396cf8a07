import { type Directives, directiveNumber } from '../answer/directives.ts'

/**
 * How an answer can go wrong:
 * - `status`: an error answer with this status, before anything else
 * - `html`: a 200 with an HTML page, as a proxy in between gives
 * - `hang`: no byte at all
 * - `garbage`: after some pieces, lines that are not what they should be
 * - `cut` / `reset`: after some pieces the connection is closed / reset
 * - `end`: after some pieces the answer just ends, well-formed HTTP but without a finish reason
 * - `stall`: after some pieces nothing more comes
 * - `error`: after some pieces an error inside the stream
 * - `slow`: a long time between the pieces
 */
export const FAULT_KINDS = [
  'status',
  'html',
  'hang',
  'garbage',
  'cut',
  'reset',
  'end',
  'stall',
  'error',
  'slow'
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Fault {
  kind: FaultKind
  /** Of `status`. */
  status: number
  /** Of `status`, in seconds. */
  retryAfter: number | undefined
  /** Pieces that are sent before it. */
  after: number
  /** Of `slow`: time between the pieces. */
  gapMs: number
}

const NUMBERED: readonly FaultKind[] = ['garbage', 'cut', 'reset', 'end', 'stall', 'error']
const MAX_AFTER = 1_000_000
const SLOW_GAP_MS = 1000

export function makeFault(kind: FaultKind, options: Partial<Omit<Fault, 'kind'>> = {}): Fault {
  return {
    kind,
    status: options.status ?? 500,
    retryAfter: options.retryAfter,
    after: options.after ?? 0,
    gapMs: options.gapMs ?? SLOW_GAP_MS
  }
}

/** The fault that a message asks for, such as `[[sim:429 retry-after=2]]` or `[[sim:cut=5]]`. */
export function faultOf(directives: Directives): Fault | undefined {
  for (const name of directives.keys()) {
    if (/^[45]\d\d$/.test(name)) {
      const retryAfter = directives.has('retry-after') ? directiveNumber(directives, 'retry-after', 1, 3600) : undefined
      return makeFault('status', { status: Number(name), retryAfter })
    }
    if (name === 'html' || name === 'hang') return makeFault(name)
    if (name === 'slow') return makeFault('slow', { gapMs: directiveNumber(directives, 'slow', SLOW_GAP_MS, 60_000) })
    const kind = NUMBERED.find((numbered) => numbered === name)
    if (kind !== undefined) return makeFault(kind, { after: directiveNumber(directives, name, 0, MAX_AFTER) })
  }
  return undefined
}
