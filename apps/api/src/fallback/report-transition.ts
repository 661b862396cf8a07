import { AUTOMATIC, type Transition } from '@semibot/breaker'
import type { NewFallbackEvent } from '@semibot/db'
import type { ChatMetrics } from '@semibot/metrics'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../constants/log-messages.ts'

export interface TransitionReporter {
  log: FastifyBaseLogger
  metrics: Pick<ChatMetrics, 'fallbackTransition' | 'setFallback' | 'setBreakerState'>
  forced: () => boolean
  /** Whether the configuration sends any chat to the runtime. */
  inUse: () => boolean
  /** Keeps the change for the history. */
  store: (event: NewFallbackEvent) => Promise<unknown>
  instanceId: string
}

/** Tells of one change of the fallback: gauge, counter, a line in the runbook's words, and a row of the history. */
export function reportTransition(reporter: TransitionReporter, transition: Transition): void {
  const { log, metrics, instanceId } = reporter
  const { from, to, reason, reasonText, text, evidence, actor, epoch, scope, decidedHere, fallback } = transition
  // That a force has expired is no order.
  const ordered = (reason === 'forced' || reason === 'reset') && actor !== AUTOMATIC
  const forced = reporter.forced()
  metrics.setFallback(fallback && (forced || reporter.inUse()), forced)
  metrics.setBreakerState(to)
  if (decidedHere || scope === 'replica') metrics.fallbackTransition(to, reason)

  const fields = {
    from,
    to,
    reason,
    detail: text.replaceAll('错误:', '错误 '),
    evidence,
    actor,
    epoch,
    scope,
    decidedHere
  }
  if (fallback !== transition.wasFallback || ordered) {
    // The reason alone: figures would make every line its own group for the runbook's `uniq -c`.
    const message = fallback ? LOG.fallbackEnabled(reasonText) : LOG.fallbackDisabled(reasonText)
    if (fallback) log.warn(fields, message)
    else log.info(fields, message)
  } else {
    log.info(fields, LOG.fallbackChanged)
  }

  // What an operator ordered is stored by the order itself, with its end and its words.
  if (!decidedHere || ordered) return
  const event = { kind: 'transition', state: to, reason, detail: text, evidence, actor, instance: instanceId } as const
  reporter.store(event).catch((error: unknown) => log.error({ err: error, ...fields }, LOG.changeNotStored))
}
