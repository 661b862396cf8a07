import { ERROR_REMEDIES, type ErrorCode, type FallbackStatusBody, type RuntimeMetrics } from '@semibot/chat-protocol'
import { ALERT_LEVELS } from '@semibot/metrics'
import { describeFailure } from '../failure.ts'
import type { OperatorApi } from '../operator-api.ts'
import { type Finding, ok, warn } from './finding.ts'

const FLAPPING_WINDOW_MS = 30 * 60_000
/** Fewer executions than this say nothing of a rate. */
const MIN_SAMPLES = 10

const RUNBOOK = 'docs/runtime-observability.en.md'

/** What the api itself reports of fallback, instances, errors and latency, in the order of the runbook's scenarios. */
export async function checkOperation(api: OperatorApi, apiProcesses: number | undefined): Promise<Finding[]> {
  try {
    const [status, metrics] = await Promise.all([api.status(), api.metrics()])
    return [
      checkFallback(status),
      ...checkInstances(status),
      checkErrors(metrics),
      checkLatency(metrics),
      checkFlapping(status),
      ...checkSharing(status, apiProcesses)
    ]
  } catch (error) {
    return [warn('fallback', describeFailure(error).message, 'check that ADMIN_TOKEN is the one of this api')]
  }
}

function checkFallback({ fallbackEnabled, fallbackReason, since, forced }: FallbackStatusBody): Finding {
  if (forced !== null) {
    const message = `${forced.actor} has forced it ${forced.mode} until ${forced.expiresAt}: ${forced.reason}`
    return warn('fallback', message, 'to end it: POST /api/v1/runtime/fallback/force {"mode":"auto"}')
  }
  if (!fallbackEnabled) return ok('fallback', 'chats may use the runtime')
  const message = `chats fall back to direct_llm since ${since}: ${fallbackReason}`
  return warn('fallback', message, `it ends by itself once the runtime is well; ${RUNBOOK}, scenario 1`)
}

function checkInstances({ instances }: FallbackStatusBody): Finding[] {
  return instances
    .filter(({ isUp }) => !isUp)
    .map(({ url, out, health }) => {
      const detail = health === null || health.healthy ? '' : `, health: ${health.detail}`
      return warn('instance', `${url} gets no calls (${out}${detail})`, 'read its log, restart it; the others go on')
    })
}

function checkErrors({ runtime, windowSeconds }: RuntimeMetrics): Finding {
  const { total, errorRate, byCode } = runtime
  const message = `${percent(errorRate)} of ${total} runtime executions failed in ${windowSeconds} s`
  if (total < MIN_SAMPLES || errorRate <= ALERT_LEVELS.runtimeErrorRate) return ok('errors', message)
  const [code, count] = Object.entries(byCode).reduce((most, next) => (next[1] > most[1] ? next : most), ['', 0])
  const remedy = code in ERROR_REMEDIES ? ERROR_REMEDIES[code as ErrorCode].en : 'see docs/error-codes.md'
  return warn('errors', `${message}, ${count} of them ${code}`, remedy)
}

function checkLatency({ runtime, windowSeconds }: RuntimeMetrics): Finding {
  const { p95LatencyMs, total } = runtime
  if (p95LatencyMs === null || total < MIN_SAMPLES) return ok('latency', `too few executions in ${windowSeconds} s`)
  const message = `P95 of the runtime is ${Math.round(p95LatencyMs)} ms`
  if (p95LatencyMs <= ALERT_LEVELS.runtimeP95Ms) return ok('latency', message)
  return warn('latency', message, `look at the model, at tools and at the database; ${RUNBOOK}, scenario 3`)
}

function checkFlapping({ history }: FallbackStatusBody): Finding {
  const since = Date.now() - FLAPPING_WINDOW_MS
  const recent = (history ?? []).filter(({ kind, createdAt }) => kind === 'transition' && Date.parse(createdAt) > since)
  const changes = recent.filter(({ state }) => state === 'open' || state === 'closed').length
  const message = `${changes} changes of the fallback in 30 minutes`
  if (changes < ALERT_LEVELS.fallbackChanges) return ok('flapping', message)
  return warn('flapping', message, `repair the cause, or change the thresholds; ${RUNBOOK}, scenario 4`)
}

function checkSharing({ store, degraded }: FallbackStatusBody, apiProcesses = 1): Finding[] {
  if (store === 'memory' && apiProcesses > 1) {
    const message = `${apiProcesses} api processes run, and this one has no REDIS_URL: each decides the fallback by itself`
    return [warn('replicas', message, 'set the same REDIS_URL for all of them')]
  }
  if (!degraded) return []
  return [warn('replicas', 'the shared state is out of reach: each api process decides by itself', 'check Redis')]
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(1)} %`
}
