import type { Registry } from '@prometheus-io/client'
import { snapshotMetrics } from '@semibot/metrics'
import { RequestError } from '@semibot/service-kit'
import { OVERLOADED_RETRY_AFTER_SECONDS, WORKER_ALIVE_MS } from '../constants/config.ts'
import type { Claim, PlaceSource } from '../plugins/capacity.ts'
import type { Answer, FromLauncher, FromWorker, Question, QuestionName, Questions } from './messages.ts'

/** How a worker talks with the process that started it. */
export interface WorkerLink {
  /** @throws LauncherSilent when there is no answer in time; a later one goes to `late`. */
  ask<N extends QuestionName>(
    name: N,
    ask: Questions[N]['ask'],
    late?: (answer: Questions[N]['answer']) => void
  ): Promise<Questions[N]['answer']>
  tell(message: Exclude<FromWorker, { kind: 'question' }>): void
  /** The launcher wants this worker to end. */
  onStop(callback: () => void): void
  /** The launcher wants this worker's metrics; `id` goes back with them. */
  onCollect(callback: (id: number) => void): void
}

/** The two ends of what connects a worker with the launcher. */
export interface Channel<Out, In> {
  send(message: Out): void
  receive(listener: (message: In) => void): void
}

/** The launcher did not answer in time. A caller is told to come again. */
export class LauncherSilent extends RequestError {
  override readonly name = 'LauncherSilent'

  constructor(question: QuestionName, limitMs: number) {
    super('RUNTIME_OVERLOADED', `The launcher of this runtime did not answer "${question}" within ${limitMs} ms.`, {
      retryAfterSeconds: OVERLOADED_RETRY_AFTER_SECONDS
    })
  }
}

/** Shorter than what the api waits for an execution to be accepted. */
const ANSWER_MS = 800
/** All workers have to be asked for this one. */
const METRICS_ANSWER_MS = 3_000

/** Whom an answer is for: who asked, or after the time `late`. */
interface Waiting {
  take: (answer: Answer) => void
  timer: NodeJS.Timeout
}

export function createWorkerLink(channel: Channel<FromWorker, FromLauncher>): WorkerLink {
  const waiting = new Map<number, Waiting>()
  let last = 0
  let stop: () => void = () => {
    stopWanted = true
  }
  let stopWanted = false
  let collect: ((id: number) => void) | undefined
  channel.receive((message) => {
    if (message.kind === 'stop') stop()
    else if (message.kind === 'collect') collect?.(message.id)
    else answered(message.id, message.answer)
  })
  return {
    ask(name, ask, late) {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      const id = ++last
      const limitMs = name === 'metrics' ? METRICS_ANSWER_MS : ANSWER_MS
      const timer = setTimeout(() => {
        reject(new LauncherSilent(name, limitMs))
        // The types of question and answer belong together by their name.
        entry.take = (late as Waiting['take'] | undefined) ?? (() => {})
      }, limitMs)
      const entry: Waiting = { take: resolve, timer }
      waiting.set(id, entry)
      channel.send({ kind: 'question', id, ...({ name, ask } as Question) })
      return promise as Promise<never>
    },
    tell: (message) => channel.send(message),
    onStop(callback) {
      stop = callback
      if (stopWanted) callback()
    },
    onCollect(callback) {
      collect = callback
    }
  }

  function answered(id: number, answer: Answer): void {
    const entry = waiting.get(id)
    if (entry === undefined) return
    waiting.delete(id)
    clearTimeout(entry.timer)
    entry.take(answer)
  }
}

/** The link of this process, which the launcher has forked. */
export function linkToLauncher(): WorkerLink {
  return createWorkerLink({
    // Nobody listens any more when the launcher is gone, and then this process ends as well.
    send: (message) => void process.send?.(message, undefined, undefined, () => {}),
    receive: (listener) => void process.on('message', (message) => listener(message as FromLauncher))
  })
}

/** The places of a worker are the launcher's: it counts for all workers. */
export function workerPlaces(link: WorkerLink, limit: number): PlaceSource {
  return {
    limit,
    claim: (executionId, orgId) => {
      const giveBack = (claim: Claim): void => {
        if (claim.kind === 'granted') link.tell({ kind: 'release', orgId })
      }
      return link.ask('claim', { executionId, orgId }, giveBack)
    },
    release: (orgId, givenAway) => link.tell({ kind: 'release', orgId, givenAway }),
    inFlight: async () => (await link.ask('state', null)).inFlight
  }
}

/** The worker tells the launcher that it lives, and its metrics whenever the launcher wants them. */
export function joinWorkers(link: WorkerLink, registry: Registry): void {
  link.onCollect(async (id) => link.tell({ kind: 'snapshot', id, metrics: await snapshotMetrics(registry) }))
  setInterval(() => link.tell({ kind: 'alive' }), WORKER_ALIVE_MS).unref()
}
