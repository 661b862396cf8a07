import type { CancelReason } from '@semibot/chat-protocol'

export type StopCause =
  | { kind: 'cancelled'; reason: CancelReason }
  | { kind: 'deadline' }
  /** This process goes away; the run may be taken up elsewhere. */
  | { kind: 'interrupted'; reason: string }

/** Why an execution is stopped from outside; the reason of its abort signal. */
export class Stop extends Error {
  override readonly name = 'Stop'
  readonly why: StopCause

  constructor(why: StopCause) {
    super(`the execution was stopped: ${why.kind}`)
    this.why = why
  }
}
