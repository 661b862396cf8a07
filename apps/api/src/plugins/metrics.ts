import { Registry } from '@prometheus-io/client'
import {
  type ChatMetrics,
  createChatMetrics,
  createDependencyMetrics,
  createServiceMetrics,
  type DependencyMetrics
} from '@semibot/metrics'
import { metricsPlugin as metricsEndpoint, NO_TRACING, type SpanCounts } from '@semibot/service-kit'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the api reports of chats. */
    chatMetrics: ChatMetrics
    /** What it reports of Postgres and Redis. */
    dependencyMetrics: DependencyMetrics
  }
}

export interface MetricsOptions {
  version: string
  /** How many lines the log has dropped. */
  droppedLines?: () => number
  /** What became of the spans of this process. */
  spans?: () => SpanCounts
  /** One registry per app, so that tests can build several in one process. */
  registry?: Registry
}

/** GET /metrics and `app.chatMetrics`, all on one registry. Register it before the routes that it measures. */
export const metricsPlugin = fp<MetricsOptions>(
  async (app, { version, droppedLines = () => 0, spans = NO_TRACING.counts, registry = new Registry() }) => {
    const { API_HOST: host, METRICS_PORT: port, METRICS_TOKEN: token } = app.env
    const chatMetrics = createChatMetrics(registry, { executionTimeoutMs: app.env.RUNTIME_EXECUTION_TIMEOUT_MS })
    app.decorate('chatMetrics', chatMetrics)
    app.decorate('dependencyMetrics', createDependencyMetrics(registry))
    createServiceMetrics(registry, { version, droppedLines, spans })
    const { exemplars } = chatMetrics
    await app.register(metricsEndpoint, { registry, token, exemplars, separate: { host, port } })
  },
  { name: 'metrics', dependencies: ['environment'] }
)
