import { defineGroup, key, optionalKey } from '../key.ts'
import { fraction, oneOf, text } from '../kinds.ts'
import { httpBaseUrl } from '../url-kinds.ts'

const PAIRS = text({
  expected: 'key=value pairs with commas between, percent-encoded',
  pattern: /^\s*[^=,\s]+\s*=(?:%[0-9a-fA-F]{2}|[^%,])*(?:,\s*[^=,\s]+\s*=(?:%[0-9a-fA-F]{2}|[^%,])*)*$/
})

/** Traces, under the names that OpenTelemetry gave these variables. */
export const tracingGroup = defineGroup({
  name: 'tracing',
  title: 'Traces (OpenTelemetry)',
  keys: {
    OTEL_EXPORTER_OTLP_ENDPOINT: optionalKey({
      kind: httpBaseUrl(),
      doc: 'Collector that takes traces by OTLP/HTTP; /v1/traces is appended. Unset: nothing is traced.'
    }),
    OTEL_EXPORTER_OTLP_HEADERS: optionalKey({
      kind: PAIRS,
      secret: 'whole',
      doc: 'Headers for the collector, such as its token.'
    }),
    OTEL_RESOURCE_ATTRIBUTES: optionalKey({
      kind: PAIRS,
      doc: 'What every span says of its process, such as deployment.environment.name=production or another service.name.'
    }),
    OTEL_TRACES_SAMPLER: key({
      kind: oneOf([
        'parentbased_traceidratio',
        'parentbased_always_on',
        'parentbased_always_off',
        'traceidratio',
        'always_on',
        'always_off'
      ]),
      default: 'parentbased_traceidratio',
      doc: 'Which traces are kept. With parentbased the caller decides about its own.'
    }),
    OTEL_TRACES_SAMPLER_ARG: key({
      kind: fraction(),
      default: '1',
      unit: 'rate 0..1',
      doc: 'Share of the traces that a traceidratio sampler keeps.'
    })
  }
})
