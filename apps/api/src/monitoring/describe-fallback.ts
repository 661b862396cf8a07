import type { BreakerStatus, InstanceStatus } from '@semibot/breaker'
import type { FallbackEventBody, FallbackStatusBody, RuntimeInstanceBody } from '@semibot/chat-protocol'
import type { FallbackEvent } from '@semibot/db'
import type { HealthEntry } from '../adapters/runtime-health.ts'

export type HealthCache = ReadonlyMap<string, HealthEntry>

/** The breaker at this moment, as the admin API shows it. `history`: the last changes, null when they are unknown. */
export function describeFallback(
  status: BreakerStatus,
  health: HealthCache,
  history: FallbackEventBody[] | null
): FallbackStatusBody {
  const { fallback, state, reason, fallbackReason, forced, window, thresholds, instances, ...rest } = status
  return {
    fallbackEnabled: fallback,
    fallbackReason,
    reason,
    state,
    scope: rest.scope,
    since: toIso(rest.since),
    epoch: rest.epoch,
    nextProbeAt: toIsoOrNull(rest.nextProbeAt),
    forced: forced && { ...forced, expiresAt: toIso(forced.expiresAt) },
    rampShare: rest.rampShare,
    trials: rest.trials,
    streak: rest.streak,
    thresholds: { ...thresholds, windowSeconds: window.seconds, maxSamples: window.maxSamples },
    window,
    instances: instances.map((instance) => describeInstance(instance, health)),
    store: rest.store,
    degraded: rest.degraded,
    replicas: rest.replicas,
    history
  }
}

export function describeInstance(instance: InstanceStatus, health: HealthCache): RuntimeInstanceBody {
  const entry = health.get(instance.url)
  return {
    ...instance,
    ejectedUntil: toIsoOrNull(instance.ejectedUntil),
    health: entry === undefined ? null : { ...entry, checkedAt: toIso(entry.checkedAt) }
  }
}

export function describeEvent(event: FallbackEvent): FallbackEventBody {
  const { id, kind, state, reason, detail, evidence, actor, instance, expiresAt, createdAt } = event
  return {
    id,
    kind,
    state,
    reason,
    detail,
    evidence,
    actor,
    instance,
    expiresAt: expiresAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString()
  }
}

function toIso(time: number): string {
  return new Date(time).toISOString()
}

function toIsoOrNull(time: number | null): string | null {
  return time === null ? null : toIso(time)
}
