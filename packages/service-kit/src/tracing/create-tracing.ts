import { NO_TRACING, type Tracing } from './tracing.ts'

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration */
export const TRACE_SAMPLERS = [
  'parentbased_traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'traceidratio',
  'always_on',
  'always_off'
] as const

export type TraceSampler = (typeof TRACE_SAMPLERS)[number]

export interface TracingOptions {
  /** Address of the collector, to which /v1/traces is appended; undefined: no tracing. */
  endpoint: string | undefined
  /** `key=value` pairs with commas between, percent-encoded: headers for the collector. */
  headers?: string | undefined
  serviceName: string
  version: string
  /** Unique for each process. */
  instanceId: string
  /** `key=value` pairs with commas between, percent-encoded; they win over what is known otherwise. */
  resourceAttributes?: string | undefined
  sampler?: TraceSampler
  /** Share of new traces that are kept, 0..1; for the samplers with `traceidratio`. Default 1. */
  ratio?: number
  /** Told when the collector stops to take spans (with the reason), and when it takes them again. */
  onCollector?: (trouble: Error | null) => void
  /** How long spans are gathered before they are sent, milliseconds. Default 5000. */
  delayMs?: number
  /** Most spans that wait; more are dropped. Default 2048. */
  maxWaiting?: number
}

/**
 * Tracing by OTLP/HTTP when there is a collector. Nothing of OpenTelemetry is loaded without one.
 * @throws TypeError when `headers` or `resourceAttributes` are not key=value pairs
 */
export async function createTracing(options: TracingOptions): Promise<Tracing> {
  const { endpoint } = options
  if (endpoint === undefined) return NO_TRACING
  const { createOtlpTracing } = await import('./otlp-tracing.ts')
  return createOtlpTracing({ ...options, endpoint })
}
