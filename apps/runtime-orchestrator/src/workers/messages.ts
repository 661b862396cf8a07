import type { MetricSnapshot } from '@semibot/metrics'
import type { Claim } from '../plugins/capacity.ts'

/** What a worker asks the launcher, and what it is answered. */
export interface Questions {
  /** A place for an execution, which then belongs to the worker. */
  claim: { ask: { executionId: string; orgId: string }; answer: Claim }
  /** At which port of the loopback interface the worker takes calls that has this execution; null: none has, or you. */
  find: { ask: { executionId: string }; answer: number | null }
  /** How full the runtime is, all workers together. */
  state: { ask: null; answer: RuntimeState }
  /** The metrics of all workers as one page. */
  metrics: { ask: null; answer: string }
}

export type QuestionName = keyof Questions
export type Answer = Questions[QuestionName]['answer']

export interface RuntimeState {
  /** Executions under way. */
  inFlight: number
  /** Workers that take calls, and how many there should be. */
  workers: number
  wanted: number
}

export type Question = { [N in QuestionName]: { name: N; ask: Questions[N]['ask'] } }[QuestionName]

/** Worker to launcher. */
export type FromWorker =
  | ({ kind: 'question'; id: number } & Question)
  /** It listens, and takes calls that other workers hand over at this port. */
  | { kind: 'ready'; port: number }
  /** An execution of this organisation has ended: its place is free. Any worker may go on with `givenAway`. */
  | { kind: 'release'; orgId: string; givenAway?: string | undefined }
  | { kind: 'snapshot'; id: number; metrics: MetricSnapshot }
  /** Its event loop turns. */
  | { kind: 'alive' }

/** Launcher to worker. */
export type FromLauncher =
  | { kind: 'answer'; id: number; answer: Answer }
  /** Send your metrics under this number. */
  | { kind: 'collect'; id: number }
  /** End as after SIGTERM. */
  | { kind: 'stop' }
