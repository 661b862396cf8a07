import { type Span as OtelSpan, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider
} from '@opentelemetry/sdk-trace'
import { createBatchExport } from './batch-export.ts'
import type { TraceSampler, TracingOptions } from './create-tracing.ts'
import { isTraceparent, spanIdOf, traceFlagsOf, traceIdOf } from './traceparent.ts'
import type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing.ts'

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }
/** Longest attribute, in UTF-16 units; ours are far shorter. */
const MAX_VALUE_LENGTH = 1024
const CLOSE_LIMIT_MS = 2000

/** Records spans with the OpenTelemetry SDK. Use `createTracing`, which loads this module only when it is wanted. */
export function createOtlpTracing(options: TracingOptions & { endpoint: string }): Tracing {
  const { endpoint, headers, serviceName, version, sampler = 'parentbased_traceidratio', ratio = 1 } = options
  const batches = createBatchExport(
    new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      headers: readPairs('headers', headers),
      userAgent: `${serviceName}/${version}`
    }),
    options
  )
  const provider = new TracerProvider({
    resource: resourceOf(options),
    sampler: samplerOf(sampler, ratio),
    spanLimits: { attributeValueLengthLimit: MAX_VALUE_LENGTH },
    spanProcessors: [batches.processor]
  })
  const tracer = provider.getTracer('semibot', version)
  return {
    enabled: true,
    start: (name, parent, spanOptions = {}) => new RecordingSpan(begin(tracer, name, parent, spanOptions)),
    counts: batches.counts,
    async close() {
      const { promise: limit, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, CLOSE_LIMIT_MS)
      await Promise.race([provider.shutdown().catch(() => {}), limit])
      clearTimeout(timer)
    }
  }
}

class RecordingSpan implements Span {
  readonly traceparent: string
  readonly #span: OtelSpan

  constructor(span: OtelSpan) {
    const { traceId, spanId, traceFlags } = span.spanContext()
    this.traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
    this.#span = span
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes)
  }

  fail(type: string): void {
    this.#span.setAttribute('error.type', type)
    this.#span.setStatus({ code: SpanStatusCode.ERROR })
  }

  end(): void {
    if (this.#span.isRecording()) this.#span.end()
  }
}

function begin(
  tracer: Tracer,
  name: string,
  parent: string | undefined,
  { kind = 'internal', attributes = {} }: SpanOptions
): OtelSpan {
  const context = isTraceparent(parent)
    ? trace.setSpanContext(ROOT_CONTEXT, {
        traceId: traceIdOf(parent),
        spanId: spanIdOf(parent),
        traceFlags: traceFlagsOf(parent),
        isRemote: kind === 'server'
      })
    : ROOT_CONTEXT
  return tracer.startSpan(name, { kind: KINDS[kind], attributes }, context)
}

function samplerOf(name: TraceSampler, ratio: number): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
  }
}

/** https://opentelemetry.io/docs/specs/semconv/resource/#service */
function resourceOf({ serviceName, version, instanceId, resourceAttributes }: TracingOptions): Resource {
  const service = { 'service.name': serviceName, 'service.version': version, 'service.instance.id': instanceId }
  const given = readPairs('resourceAttributes', resourceAttributes)
  return defaultResource().merge(resourceFromAttributes({ ...service, ...given }))
}

/** `a=b,c=d`, percent-encoded, as the standard variables have it. */
function readPairs(option: string, text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new TypeError(`${option}: expected key=value pairs with commas between`)
      return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())]
    })
  )
}
