import type { RuntimeEnv } from '@semibot/config'
import { createTracing, type Tracing } from '@semibot/service-kit'
import type { Logger } from 'pino'
import { LOG } from '../constants/log-messages.ts'

export interface TracingOptions {
  env: RuntimeEnv
  logger: Pick<Logger, 'info' | 'warn'>
  version: string
  instance: string
}

/** Traces for OTEL_EXPORTER_OTLP_ENDPOINT; none where it is not set. */
export function openTracing({ env, logger, version, instance }: TracingOptions): Promise<Tracing> {
  return createTracing({
    endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS,
    resourceAttributes: env.OTEL_RESOURCE_ATTRIBUTES,
    sampler: env.OTEL_TRACES_SAMPLER,
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
    serviceName: 'semibot-runtime',
    version,
    instanceId: instance,
    onCollector(trouble) {
      if (trouble === null) logger.info(LOG.tracesUp)
      else logger.warn({ err: trouble }, LOG.tracesDown)
    }
  })
}
