import type { BreakerStatus, InstanceStatus } from './breaker.ts'
import type { BreakerCore } from './breaker-core.ts'
import type { RuntimeInstance } from './instances/instance-set.ts'
import { summarize } from './rolling-window.ts'
import { fallbackText } from './state/record.ts'
import { trialsNeeded } from './state/rules.ts'
import { reasonOf, reasonText } from './thresholds.ts'

/** Everything about the breaker at this moment, for the admin API. */
export function describeStatus(core: BreakerCore): BreakerStatus {
  const { clock, store, rules, state, local, gate, trials, instances } = core
  const { record } = store
  const now = clock.now()
  const toWall = (at: number) => Math.round(clock.wallNow() + at - now)
  const isLocal = local.why !== ''
  const reason = isLocal ? local.why : record.rule === '' ? '' : reasonOf(record.rule)
  const { force } = record
  return {
    state,
    fallback: state !== 'closed',
    reason: state === 'closed' ? '' : reason,
    fallbackReason: local.why !== '' ? reasonText(local.why) : fallbackText(record),
    scope: isLocal ? 'replica' : 'cluster',
    since: toWall(isLocal ? local.since : record.since),
    epoch: record.epoch,
    nextProbeAt: record.state === 'open' ? toWall(record.until) : null,
    forced: force && { mode: force.mode, actor: force.actor, reason: force.text, expiresAt: toWall(force.until) },
    rampShare: gate.rampShare,
    trials: {
      results: record.results,
      failed: record.failures,
      needed: trialsNeeded(record.streak, rules),
      permitsOut: record.grants.filter((at) => now - at < rules.leaseMs).length,
      permitsHeld: trials.free
    },
    streak: record.streak,
    window: { ...summarize(store.counts()), seconds: rules.windowSeconds, maxSamples: rules.maxSamples },
    thresholds: { ...rules.thresholds },
    instances: instances.list.map((instance) =>
      describeInstance(instance, instances.isInService(instance), now, toWall)
    ),
    store: store.kind,
    degraded: store.degraded,
    storeProblem: store.problem,
    replicas: store.live
  }
}

function describeInstance(
  { url, service, inFlight, live }: RuntimeInstance,
  isUp: boolean,
  now: number,
  toWall: (at: number) => number
): InstanceStatus {
  return {
    url,
    isUp,
    out: service.out,
    inFlight,
    hardErrors: service.hardErrors,
    failedHealthChecks: service.badHealth,
    ejectedUntil: service.out === 'unavailable' && service.ejectedUntil > now ? toWall(service.ejectedUntil) : null,
    circuit: { name: live.current.name, isOpen: live.isOpen }
  }
}
