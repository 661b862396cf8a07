import type { Counter, Registry } from '@prometheus-io/client'
import { createExemplars } from './exemplars.ts'
import { children, createCounter, createGauge, createHistogram, measured } from './instruments.ts'
import {
  API_METRICS,
  BREAKER_STATES,
  EXECUTION_ERROR_CODES,
  FALLBACK_EXECUTION_REASONS,
  LATENCY_BUCKETS_MS,
  MAX_TARGETS,
  MODES,
  OTHER,
  PROBE_RESULTS,
  READ_REASONS,
  REQUEST_OUTCOMES,
  SHADOW_VERDICTS,
  SHED_REASONS
} from './names.ts'
import type { BreakerState, ChatMetrics, ChatMetricsOptions } from './types.ts'

/**
 * The instruments of the api, with every series at 0 from the first scrape on.
 * @throws {Error} when the registry already has a metric of one of these names
 */
export function createChatMetrics(registry: Registry, options: ChatMetricsOptions = {}): ChatMetrics {
  const counter = { ...executionCounters(registry), ...otherCounters(registry) }
  const edges = latencyBuckets(options)
  const latency = createHistogram(registry, API_METRICS.executionLatency, { buckets: edges })
  const exemplars = createExemplars(API_METRICS.executionLatency.name, edges, options.now)
  const latencyOf = children(MODES, (mode) => latency.labels(mode))
  const firstToken = createHistogram(registry, API_METRICS.firstToken)
  const firstTokenOf = children(MODES, (mode) => firstToken.labels(mode))
  const outputRate = createHistogram(registry, API_METRICS.outputRate)
  const outputRateOf = children(MODES, (mode) => outputRate.labels(mode))
  const inFlight = createGauge(registry, API_METRICS.executionInFlight)
  const inFlightOf = children(MODES, (mode) => inFlight.labels(mode))
  const inFlightLimit = createGauge(registry, API_METRICS.executionInFlightLimit)
  const fallbackEnabled = createGauge(registry, API_METRICS.fallbackEnabled)
  const fallbackForced = createGauge(registry, API_METRICS.fallbackForced)
  const healthStatus = createGauge(registry, API_METRICS.healthStatus)
  const healthDuration = createHistogram(registry, API_METRICS.healthCheckDuration)
  const breakerState = createGauge(registry, API_METRICS.breakerState)
  const showBreakerState = (state: BreakerState): void => {
    for (const each of BREAKER_STATES) breakerState.set({ state: each }, each === state ? 1 : 0)
  }
  showBreakerState('closed')
  const instances = createInstanceGauge(registry)

  return {
    executionFinished(mode, result) {
      counter.total[mode].inc()
      if (result.ok) {
        counter.success[mode].inc()
      } else {
        counter.error[mode].inc()
        counter.reasons[mode][result.code].inc()
      }
      latencyOf[mode].observe(measured(result.latencyMs))
      if (result.traceId !== undefined) exemplars.note({ mode }, measured(result.latencyMs), result.traceId)
    },
    executionCancelled: (mode) => counter.cancelled[mode].inc(),
    executionStarted: (mode) => inFlightOf[mode].inc(),
    executionEnded: (mode) => inFlightOf[mode].dec(),
    setInFlightLimit: (mode, limit) => inFlightLimit.set({ mode }, measured(limit)),
    requestFinished: (outcome) => counter.requests[outcome].inc(),
    firstToken: (mode, seconds) => firstTokenOf[mode].observe(measured(seconds)),
    outputRate: (mode, tokensPerSecond) => outputRateOf[mode].observe(measured(tokensPerSecond)),
    tokens(mode, input, output) {
      counter.input[mode].inc(measured(input))
      counter.output[mode].inc(measured(output))
    },
    fallbackExecution: (reason) => counter.fallbackExecutions[reason].inc(),
    fallbackTransition: (to, reason) => counter.transitions.inc({ to, reason }),
    setFallback(enabled, forced) {
      fallbackEnabled.set(enabled ? 1 : 0)
      fallbackForced.set(forced ? 1 : 0)
    },
    setBreakerState: showBreakerState,
    breakerRejection: () => counter.rejections.inc(),
    setInstanceUp: instances.set,
    removeInstance: instances.remove,
    probe: (result) => counter.probes[result].inc(),
    shadow: (verdict) => counter.shadow[verdict].inc(),
    shed: (reason) => counter.shed[reason].inc(),
    databaseRead: (reason) => counter.reads[reason].inc(),
    healthCheck(ok, seconds) {
      healthStatus.set(ok ? 1 : 0)
      healthDuration.observe(measured(seconds))
    },
    exemplars: exemplars.latest
  }
}

function executionCounters(registry: Registry) {
  const byMode = (counter: Counter<'mode'>) => children(MODES, (mode) => counter.labels(mode))
  const reasons = createCounter(registry, API_METRICS.executionErrorReasons)
  const tokens = createCounter(registry, API_METRICS.tokens)
  return {
    total: byMode(createCounter(registry, API_METRICS.executionTotal)),
    success: byMode(createCounter(registry, API_METRICS.executionSuccess)),
    error: byMode(createCounter(registry, API_METRICS.executionError)),
    cancelled: byMode(createCounter(registry, API_METRICS.executionCancelled)),
    reasons: children(MODES, (mode) => children(EXECUTION_ERROR_CODES, (code) => reasons.labels(mode, code))),
    input: children(MODES, (mode) => tokens.labels(mode, 'input')),
    output: children(MODES, (mode) => tokens.labels(mode, 'output'))
  }
}

function otherCounters(registry: Registry) {
  const requests = createCounter(registry, API_METRICS.requests)
  const fallbackExecutions = createCounter(registry, API_METRICS.fallbackExecutions)
  const probes = createCounter(registry, API_METRICS.probes)
  const shadow = createCounter(registry, API_METRICS.shadow)
  const shed = createCounter(registry, API_METRICS.shed)
  const reads = createCounter(registry, API_METRICS.reads)
  return {
    requests: children(REQUEST_OUTCOMES, (outcome) => requests.labels(outcome)),
    fallbackExecutions: children(FALLBACK_EXECUTION_REASONS, (reason) => fallbackExecutions.labels(reason)),
    transitions: createCounter(registry, API_METRICS.fallbackTransitions),
    rejections: createCounter(registry, API_METRICS.breakerRejections),
    probes: children(PROBE_RESULTS, (result) => probes.labels(result)),
    shadow: children(SHADOW_VERDICTS, (verdict) => shadow.labels(verdict)),
    shed: children(SHED_REASONS, (reason) => shed.labels(reason)),
    reads: children(READ_REASONS, (reason) => reads.labels(reason))
  }
}

/** At most MAX_TARGETS targets have a series of their own; the others share one, which shows the last report. */
function createInstanceGauge(registry: Registry) {
  const gauge = createGauge(registry, API_METRICS.instanceUp)
  const known = new Set<string>()
  return {
    set(target: string, up: boolean): void {
      if (known.size < MAX_TARGETS) known.add(target)
      gauge.set({ target: known.has(target) ? target : OTHER }, up ? 1 : 0)
    },
    remove(target: string): void {
      if (known.delete(target)) gauge.remove({ target })
    }
  }
}

function latencyBuckets({ executionTimeoutMs = 0 }: ChatMetricsOptions): number[] {
  const last = LATENCY_BUCKETS_MS.at(-1) ?? 0
  return executionTimeoutMs > last && Number.isFinite(executionTimeoutMs)
    ? [...LATENCY_BUCKETS_MS, executionTimeoutMs]
    : [...LATENCY_BUCKETS_MS]
}
