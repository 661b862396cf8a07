import client from '@prometheus-io/client'
import { METRICS } from '@semibot/metrics'
import type { FastifyPluginAsync } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import { fastifyPlugin } from 'fastify-plugin'
import { listenForMetrics, type MetricsAddress, type MetricsListener } from './metrics-listener.ts'
import { createMetricsPage, type MetricsPageOptions } from './metrics-page.ts'

export interface MetricsPluginOptions extends MetricsPageOptions {
  /** Where the page is served instead of on the server's own address; `port` undefined: it is not. */
  separate?: { host: string; port: number | undefined } | undefined
}

const plugin: FastifyPluginAsync<MetricsPluginOptions> = async (app, options) => {
  const { registry, separate } = options
  const { name, help, buckets } = METRICS.httpRequestDuration
  await app.register(fastifyMetrics.default, {
    promClient: client,
    // Its own endpoint knows one format only.
    endpoint: null,
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

  const page = createMetricsPage(options)
  if (separate?.port !== undefined) {
    serveApart({ host: separate.host, port: separate.port })
    return
  }
  app.get('/metrics', async ({ headers: { authorization, accept } }, reply) => {
    const { contentType, body } = await page({
      ...(authorization === undefined ? {} : { authorization }),
      ...(accept === undefined ? {} : { accept })
    })
    return reply.type(contentType).send(body)
  })

  function serveApart(address: MetricsAddress): void {
    let listener: MetricsListener | undefined
    app.addHook('onReady', async () => {
      listener = await listenForMetrics(page, address)
      app.log.info({ host: address.host, port: listener.port }, 'metrics have a port of their own')
    })
    // Closed among the last, so that a drain can be watched.
    app.addHook('onClose', async () => listener?.close())
  }
}

/**
 * `GET /metrics` over one registry, and the duration of every HTTP request by method, route pattern and status.
 * Register it before the routes. An event stream whose reader goes away early has no end that Fastify reports
 * and is not in the histogram.
 */
export const metricsPlugin = fastifyPlugin(plugin, { name: 'metrics-plugin', fastify: '5.x' })
