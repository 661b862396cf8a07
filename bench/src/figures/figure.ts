import type { Finding } from '@semibot/stack'
import type { Base } from './base.ts'

/** One line of the table. */
export interface Figure {
  /** What was done to the system. */
  fault: string
  /** What is asked of it. */
  asked: string
  /** What was seen, with the numbers. */
  measured: string
  ok: boolean
  /** The assertions in the four views: client, metric, log, database. */
  findings: readonly Finding[]
}

export interface FigureContext {
  base: Base
  /** Small counts, for the test run. */
  quick: boolean
  /** Chats per second that the system holds on this machine without any fault. */
  rate: number
  /** Chats of the big loads. */
  chats: number
  report: (text: string) => void
}

/** A group of figures that can be run alone. */
export interface Scenario {
  name: string
  about: string
  run(context: FigureContext): Promise<Figure[]>
}

/** A figure whose numbers are as asked, and whose incident looks right from all four sides. */
export function figure(
  texts: Pick<Figure, 'fault' | 'asked' | 'measured'>,
  isAsAsked: boolean,
  findings: readonly Finding[]
): Figure {
  return { ...texts, ok: isAsAsked && findings.every((finding) => finding.ok), findings }
}
