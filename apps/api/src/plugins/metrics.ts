import { Registry } from '@prometheus-io/client'
import {
  type ChatMetrics,
  createChatMetrics,
  createDependencyMetrics,
  createServiceMetrics,
  type DependencyMetrics,
  type ServiceMetrics
} from '@semibot/metrics'
import { metricsPlugin as metricsEndpoint } from '@semibot/service-kit'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the api reports of chats. */
    chatMetrics: ChatMetrics
    /** What it reports of Postgres and Redis. */
    dependencyMetrics: DependencyMetrics
    /** What it reports of its own process. */
    serviceMetrics: ServiceMetrics
  }
}

export interface MetricsOptions {
  version: string
  /** One registry per app, so that tests can build several in one process. */
  registry?: Registry
}

/** GET /metrics and `app.chatMetrics`, all on one registry. Register it before the routes that it measures. */
export const metricsPlugin = fp<MetricsOptions>(
  async (app, { version, registry = new Registry() }) => {
    const executionTimeoutMs = app.env.RUNTIME_EXECUTION_TIMEOUT_MS
    app.decorate('chatMetrics', createChatMetrics(registry, { executionTimeoutMs }))
    app.decorate('dependencyMetrics', createDependencyMetrics(registry))
    app.decorate('serviceMetrics', createServiceMetrics(registry, { version }))
    await app.register(metricsEndpoint, { registry, token: app.env.METRICS_TOKEN })
  },
  { name: 'metrics', dependencies: ['environment'] }
)
