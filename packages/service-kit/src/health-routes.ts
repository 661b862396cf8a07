import type { FastifyPluginAsync } from 'fastify'
import type { Drain } from './drain.ts'

export interface DependencyReport {
  state: 'up' | 'down' | 'off' | 'unknown'
  /** For the operator; never a secret. */
  detail?: string
}

export interface ReadyReport {
  status: 'ready' | 'starting' | 'migrations_missing'
  dependencies: Record<string, DependencyReport>
}

export interface HealthRoutesOptions {
  /** Must answer within its own bound and never call a model. */
  ready: () => Promise<ReadyReport> | ReadyReport
  drain?: Drain
}

/** GET /health and GET /ready. */
export const healthRoutes: FastifyPluginAsync<HealthRoutesOptions> = async () => {
  throw new Error('being written')
}
