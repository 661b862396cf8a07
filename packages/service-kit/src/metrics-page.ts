import { createHash, timingSafeEqual } from 'node:crypto'
import type { Registry } from '@prometheus-io/client'
import { type Exemplars, OPEN_METRICS_CONTENT_TYPE, toOpenMetrics } from '@semibot/metrics'
import { RequestError } from './request-error.ts'

export interface MetricsPageOptions {
  /** Everything that the page shows. */
  registry: Registry
  /** When given and not empty, the page wants it as a bearer token. */
  token?: string | undefined
  /** Traces beside buckets, shown to those who ask for OpenMetrics. */
  exemplars?: Exemplars | undefined
  /** Text format of several processes together, in place of this registry's. */
  collect?: (() => Promise<string>) | undefined
}

export interface MetricsPage {
  contentType: string
  body: string
}

/**
 * What GET /metrics answers, by the headers of the request.
 * @throws RequestError UNAUTHENTICATED when there is a token and the request has not brought it
 */
export type MetricsPageReader = (headers: { authorization?: string; accept?: string }) => Promise<MetricsPage>

/** The page in both of its forms. It reads what is in memory and asks nobody. */
export function createMetricsPage(options: MetricsPageOptions): MetricsPageReader {
  const { registry, token, exemplars } = options
  const collect = options.collect ?? (() => registry.metrics())
  return async ({ authorization, accept }) => {
    requireToken(authorization, token)
    const body = await collect()
    if (!wantsOpenMetrics(accept)) return { contentType: registry.contentType, body }
    return { contentType: OPEN_METRICS_CONTENT_TYPE, body: toOpenMetrics(body, exemplars) }
  }
}

/** Whether OpenMetrics is named, and liked at least as much as plain text. https://www.rfc-editor.org/rfc/rfc9110#field.accept */
function wantsOpenMetrics(accept = ''): boolean {
  const weights = new Map<string, number>()
  for (const part of accept.split(',', 20)) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    const value = weight === undefined ? 1 : Number(weight.slice(2))
    if (!Number.isNaN(value)) weights.set(type, Math.max(weights.get(type) ?? 0, value))
  }
  const open = weights.get('application/openmetrics-text') ?? 0
  return open > 0 && open >= (weights.get('text/plain') ?? 0)
}

function requireToken(authorization: string | undefined, token: string | undefined): void {
  if (token === undefined || token === '') return
  if (timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`))) return
  throw new RequestError('UNAUTHENTICATED', 'GET /metrics needs METRICS_TOKEN as a bearer token.', {
    headers: { 'www-authenticate': 'Bearer' }
  })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
