import type { FastifyPluginAsync } from 'fastify'
import { fastifyPlugin } from 'fastify-plugin'
import type { Drain } from './drain.ts'

export interface DependencyReport {
  /** `off`: not configured. */
  state: 'up' | 'down' | 'off' | 'unknown'
  /** For the operator; never a secret. */
  detail?: string
}

export interface ReadyReport {
  /** Everything but `ready` answers 503. A dependency that is down does not: see /ready's body for it. */
  status: 'ready' | 'starting' | 'migrations_missing'
  dependencies: Record<string, DependencyReport>
}

export interface HealthRoutesOptions {
  /** Must answer within a bound of its own, and never call a model. */
  ready: () => Promise<ReadyReport> | ReadyReport
  drain?: Pick<Drain, 'draining'>
}

const HEALTHY = JSON.stringify({ status: 'healthy' })
const DRAINING = JSON.stringify({ status: 'draining' })

const routes: FastifyPluginAsync<HealthRoutesOptions> = async (app, options) => {
  const { ready, drain } = options
  app.route({
    method: ['GET', 'HEAD'],
    url: '/health',
    handler: (_request, reply) => {
      void reply.type('application/json; charset=utf-8').send(drain?.draining ? DRAINING : HEALTHY)
    }
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/ready',
    handler: async (_request, reply) => {
      const report = await ready()
      const status = drain?.draining ? 'draining' : report.status
      return reply.code(status === 'ready' ? 200 : 503).send({ status, dependencies: report.dependencies })
    }
  })
}

/**
 * `GET /health` (also HEAD) is 200 as long as the process answers and touches nothing else. `GET /ready` is 503
 * while starting, draining, or without migrations, and lists each dependency with its state.
 */
export const healthRoutes = fastifyPlugin(routes, { name: 'health-routes', fastify: '5.x' })
