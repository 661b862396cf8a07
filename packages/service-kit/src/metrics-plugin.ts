import { createHash, timingSafeEqual } from 'node:crypto'
import client, { type Registry } from '@prometheus-io/client'
import { METRICS } from '@semibot/metrics'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import { fastifyPlugin } from 'fastify-plugin'
import { RequestError } from './request-error.ts'

export interface MetricsPluginOptions {
  /** Everything that GET /metrics shows. */
  registry: Registry
  /** When given and not empty, GET /metrics wants it as a bearer token. */
  token?: string | undefined
}

const plugin: FastifyPluginAsync<MetricsPluginOptions> = async (app, options) => {
  const { registry, token } = options
  const { name, help, buckets } = METRICS.httpRequestDuration
  await app.register(fastifyMetrics.default, {
    promClient: client,
    endpoint: {
      method: 'GET',
      url: '/metrics',
      onRequest: async (request) => requireToken(request, token),
      // Replaced by the plugin; the type wants one.
      handler: () => undefined
    },
    defaultMetrics: { enabled: false },
    routeMetrics: {
      enabled: { histogram: true, summary: false },
      // Otherwise requests to unknown paths would be missing.
      registeredRoutesOnly: false,
      overrides: {
        histogram: { name, help, buckets: [...buckets], registers: [registry] },
        // Not used, and in no registry: its help line would be left on the page.
        summary: { registers: [] },
        labels: { getRouteLabel: (request) => request.routeOptions.url ?? 'unmatched' }
      }
    }
  })
}

/**
 * `GET /metrics` over one registry, and the duration of every HTTP request by method, route pattern and status.
 * Register it before the routes. An event stream whose reader goes away early has no end that Fastify reports
 * and is not in the histogram.
 */
export const metricsPlugin = fastifyPlugin(plugin, { name: 'metrics-plugin', fastify: '5.x' })

function requireToken(request: FastifyRequest, token: string | undefined): void {
  if (token === undefined || token === '') return
  const given = request.headers.authorization ?? ''
  if (timingSafeEqual(digest(given), digest(`Bearer ${token}`))) return
  throw new RequestError('UNAUTHENTICATED', 'GET /metrics needs METRICS_TOKEN as a bearer token.', {
    headers: { 'www-authenticate': 'Bearer' }
  })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
