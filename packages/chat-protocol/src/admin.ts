import { z } from 'zod'

/** Figures of one mode over the window; rates are fractions 0..1. The first seven keys are the operations document's. */
export const modeMetricsSchema = z.object({
  total: z.int(),
  success: z.int(),
  error: z.int(),
  timeout: z.int(),
  avgLatencyMs: z.number(),
  errorRate: z.number(),
  timeoutRate: z.number(),
  cancelled: z.int().optional(),
  p50LatencyMs: z.number().nullable().optional(),
  p95LatencyMs: z.number().nullable().optional(),
  p99LatencyMs: z.number().nullable().optional(),
  byCode: z.record(z.string(), z.int()).optional()
})

/** `data` of `GET /api/v1/runtime/metrics`. */
export const runtimeMetricsSchema = z.object({
  windowSeconds: z.int(),
  scope: z.enum(['cluster', 'replica']),
  direct: modeMetricsSchema,
  runtime: modeMetricsSchema,
  fallbackEnabled: z.boolean(),
  fallbackReason: z.string()
})

/** `data` of `GET /api/v1/runtime/metrics/:orgId`. */
export const orgRuntimeMetricsSchema = z.object({
  orgId: z.string(),
  windowSeconds: z.int(),
  direct: modeMetricsSchema,
  runtime: modeMetricsSchema
})

/** `data` of `GET /api/v1/runtime/fallback/status`. `fallbackReason` is `""` when chats may use the runtime. */
export const fallbackStatusSchema = z.object({
  fallbackEnabled: z.boolean(),
  fallbackReason: z.string(),
  state: z.enum(['closed', 'open', 'half_open']),
  since: z.string(),
  thresholds: z.object({
    errorRate: z.number(),
    timeoutRate: z.number(),
    meanLatencyMs: z.number(),
    minSamples: z.int(),
    windowSeconds: z.int(),
    maxSamples: z.int()
  })
})

/** Answer to `POST /api/v1/runtime/fallback/reset`. */
export const fallbackResetSchema = z.object({
  success: z.literal(true),
  message: z.literal('回退状态已重置'),
  data: fallbackStatusSchema
})

export type ModeMetrics = z.infer<typeof modeMetricsSchema>
export type RuntimeMetrics = z.infer<typeof runtimeMetricsSchema>
export type FallbackStatusBody = z.infer<typeof fallbackStatusSchema>
