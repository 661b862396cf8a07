import { createTracing, type ServiceLogger, type Tracing } from '@semibot/service-kit'
import type { ApiEnv } from '../env.ts'

export interface TracingOptions {
  env: ApiEnv
  logger: ServiceLogger['logger']
  version: string
  instanceId: string
}

/** Traces for OTEL_EXPORTER_OTLP_ENDPOINT; none where it is not set. */
export function openTracing({ env, logger, version, instanceId }: TracingOptions): Promise<Tracing> {
  return createTracing({
    endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS,
    resourceAttributes: env.OTEL_RESOURCE_ATTRIBUTES,
    sampler: env.OTEL_TRACES_SAMPLER,
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
    serviceName: 'semibot-api',
    version,
    instanceId,
    onCollector(trouble) {
      if (trouble === null) logger.info('the trace collector takes spans again')
      else logger.warn({ err: trouble }, 'the trace collector takes no spans; chats go on without')
    }
  })
}
