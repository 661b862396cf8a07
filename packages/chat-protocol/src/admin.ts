import { z } from 'zod'
import { idSchema } from './ids.ts'
import { CHAT_MODES } from './mode.ts'
import { safeText, shortText } from './text.ts'

const rate = z.number().min(0).max(1)
const time = z.iso.datetime()

/**
 * Figures of one mode over the window. The first seven keys are the operations document's. Rates are fractions
 * 0..1, and 0 when nothing ended. Latencies are of executions that completed.
 */
export const modeMetricsSchema = z.object({
  total: z.int().describe('Executions that completed or failed; cancelled ones are counted apart'),
  success: z.int(),
  error: z.int().describe('Every failure, those that ran out of time included'),
  timeout: z.int().describe('Of the failures, those that ran out of time'),
  avgLatencyMs: z.number().describe('Mean of completed executions; 0 without any'),
  errorRate: rate,
  timeoutRate: rate,
  cancelled: z.int(),
  p50LatencyMs: z.number().nullable(),
  p95LatencyMs: z.number().nullable(),
  p99LatencyMs: z.number().nullable(),
  byCode: z.record(z.string(), z.int()).describe('Failures by error code')
})

/** The same with what only the running processes know. Percentiles are interpolated within histogram buckets. */
export const liveModeMetricsSchema = modeMetricsSchema.extend({
  p95FirstTokenMs: z.number().nullable(),
  inFlight: z.int().describe('Under way at this moment')
})

const breakerStateSchema = z.enum(['closed', 'open', 'half_open'])
const scopeSchema = z.enum(['cluster', 'replica'])

/** What the breaker remembers of finished runtime calls, by which it decides. */
export const fallbackWindowSchema = z.object({
  seconds: z.number(),
  maxSamples: z.int(),
  samples: z.int(),
  errors: z.int().describe('Without the timeouts'),
  timeouts: z.int(),
  errorRate: rate,
  timeoutRate: rate,
  meanLatencyMs: z.number(),
  slowRate: rate,
  slowFirstTokenRate: rate
})

/** `data` of `GET /api/v1/runtime/metrics`: finished attempts of the last `windowSeconds`. */
export const runtimeMetricsSchema = z.object({
  windowSeconds: z.int(),
  scope: scopeSchema.describe('cluster: all replicas; replica: this one alone, where Redis is not there'),
  replicas: z.int().describe('Processes whose figures are in it'),
  direct: liveModeMetricsSchema,
  runtime: liveModeMetricsSchema,
  fallbackEnabled: z.boolean(),
  fallbackReason: z.string(),
  breaker: fallbackWindowSchema
})

/** `data` of `GET /api/v1/runtime/metrics/:orgId`: its chats, each under the mode that answered it. */
export const orgRuntimeMetricsSchema = z.object({
  orgId: z.string(),
  orgSlug: z.string(),
  windowSeconds: z.int(),
  direct: modeMetricsSchema,
  runtime: modeMetricsSchema
})

/** One runtime instance as this replica sees it. */
export const runtimeInstanceSchema = z.object({
  url: z.string(),
  isUp: z.boolean(),
  out: z.string().describe('Why it gets no calls: unavailable, health, or empty'),
  inFlight: z.int(),
  hardErrors: z.int().describe('Failed connections and lost executions in a row'),
  failedHealthChecks: z.int().describe('In a row'),
  ejectedUntil: time.nullable(),
  circuit: z.object({ name: z.string(), isOpen: z.boolean() }),
  health: z
    .object({ healthy: z.boolean(), detail: z.string(), checkedAt: time, latencyMs: z.number() })
    .nullable()
    .describe('The last health check; null before the first, or while nothing may be sent to the runtime')
})

/** One change of the fallback: by itself (`transition`), or by an operator (`force`, `reset`). */
export const fallbackEventSchema = z.object({
  id: z.string(),
  kind: z.enum(['transition', 'force', 'reset']),
  state: z.string().describe('The state it went to; for `force` the mode that was asked for'),
  reason: z.string(),
  detail: z.string(),
  evidence: z.unknown().describe('The figures behind it'),
  actor: z.string().nullable(),
  instance: z.string().nullable().describe('The api process that stored it'),
  expiresAt: time.nullable(),
  createdAt: time
})

/** `data` of `GET /api/v1/runtime/fallback/status`. `fallbackReason` is `""` when chats may use the runtime. */
export const fallbackStatusSchema = z.object({
  fallbackEnabled: z.boolean(),
  fallbackReason: z.string(),
  reason: z.string().describe('Its label, as in the metrics; empty when chats may use the runtime'),
  state: breakerStateSchema,
  scope: scopeSchema.describe('replica: only this one has left the runtime'),
  since: time,
  epoch: z.int(),
  nextProbeAt: time.nullable().describe('When trials begin at the latest'),
  forced: z
    .object({ mode: z.enum(['open', 'closed']), actor: z.string(), reason: z.string(), expiresAt: time })
    .nullable(),
  rampShare: rate.describe('Of the admitted sessions, how many may use the runtime while it comes back'),
  trials: z.object({
    results: z.int(),
    failed: z.int(),
    needed: z.int(),
    permitsOut: z.int(),
    permitsHeld: z.int()
  }),
  streak: z.int().describe('Opens in a row'),
  thresholds: z.object({
    errorRate: z.number(),
    timeoutRate: z.number(),
    meanLatencyMs: z.number(),
    minSamples: z.int(),
    windowSeconds: z.number(),
    maxSamples: z.int(),
    p95LatencyMs: z.number().optional(),
    firstTokenMs: z.number().optional(),
    slowFirstTokenRate: z.number().optional()
  }),
  window: fallbackWindowSchema,
  instances: z.array(runtimeInstanceSchema),
  store: z.enum(['memory', 'redis']),
  degraded: z.boolean().describe('The shared state is out of reach; this replica decides alone'),
  replicas: z.int(),
  history: z.array(fallbackEventSchema).nullable().describe('The last 10 changes; null while the database is away')
})

/** Body of `POST /api/v1/runtime/fallback/force`. */
export const fallbackForceSchema = z
  .strictObject({
    mode: z.enum(['open', 'closed', 'auto']).describe('open: no chat uses the runtime; closed: the breaker is ignored'),
    reason: safeText(1, 200).optional().describe('Needed for open and closed'),
    expiresInSeconds: z.int().min(1).max(86_400).default(3600)
  })
  .refine(({ mode, reason }) => mode === 'auto' || reason !== undefined, {
    path: ['reason'],
    message: 'say why, in 1 to 200 characters'
  })

/** Body of `POST /api/v1/runtime/fallback/reset`: none, or an empty object. */
export const fallbackResetRequestSchema = z.strictObject({}).nullish()

/** `data` of an operator's order: the status after it, and whether it is in the history already. */
export const fallbackOrderedSchema = fallbackStatusSchema.extend({
  stored: z.boolean().describe('false: it holds, but the database is away; it is stored when that is back')
})

/** Answer to `POST /api/v1/runtime/fallback/reset`. */
export const fallbackResetSchema = z.object({
  success: z.literal(true),
  message: z.literal('回退状态已重置'),
  data: fallbackOrderedSchema
})

/** `x-actor`: who gives an order, in the operator's own words. */
export const actorSchema = z.string().regex(/^[\w.@+-]{1,64}$/, 'must be 1 to 64 characters of _.@+-, A-Z, a-z and 0-9')

/** Query of `GET /api/v1/runtime/explain`. */
export const explainQuerySchema = z.strictObject({
  orgId: shortText(100).describe('Id or slug'),
  sessionId: idSchema
})

/** `data` of `GET /api/v1/runtime/explain`: which mode the session's next chat gets, and why. */
export const modeExplanationSchema = z.object({
  orgId: z.string(),
  orgSlug: z.string(),
  sessionId: z.string(),
  mode: z.enum(CHAT_MODES),
  rule: z.string().describe('The rule that decides: the first one that applies'),
  fallback: z.boolean().describe('The configuration would have chosen the runtime'),
  rules: z.array(
    z.object({
      rule: z.string(),
      mode: z.enum(CHAT_MODES).describe('The mode that it gives'),
      applies: z.boolean(),
      decides: z.boolean(),
      inputs: z.record(z.string(), z.unknown())
    })
  )
})

export type ModeMetrics = z.infer<typeof modeMetricsSchema>
export type LiveModeMetrics = z.infer<typeof liveModeMetricsSchema>
export type RuntimeMetrics = z.infer<typeof runtimeMetricsSchema>
export type RuntimeInstanceBody = z.infer<typeof runtimeInstanceSchema>
export type FallbackEventBody = z.infer<typeof fallbackEventSchema>
export type FallbackStatusBody = z.infer<typeof fallbackStatusSchema>
export type FallbackForce = z.infer<typeof fallbackForceSchema>
export type ModeExplanation = z.infer<typeof modeExplanationSchema>
