/** One series of an instant query. */
export interface Sample {
  labels: Record<string, string>
  /** NaN and infinities included. */
  value: number
}

/** One series of a range query. */
export interface SampleSeries {
  labels: Record<string, string>
  /** Milliseconds since 1970 and value, oldest first. */
  points: readonly (readonly [atMs: number, value: number])[]
}

export interface QueryRange {
  startMs: number
  endMs: number
  stepMs: number
}

/** An alert that is pending or firing in Prometheus. */
export interface ActiveAlert {
  name: string
  state: 'pending' | 'firing'
  labels: Record<string, string>
  annotations: Record<string, string>
}

/** One target of a scrape. */
export interface ScrapeTarget {
  job: string
  instance: string
  health: 'up' | 'down' | 'unknown'
  lastError: string
}

/** Questions to a Prometheus over HTTP. Each throws when it does not answer within 10 s, or refuses the query. */
export interface PrometheusClient {
  /** Without a slash at the end. */
  url: string
  /** An instant query that gives a vector or a scalar. */
  query(expression: string): Promise<Sample[]>
  queryRange(expression: string, range: QueryRange): Promise<SampleSeries[]>
  alerts(): Promise<ActiveAlert[]>
  targets(): Promise<ScrapeTarget[]>
}

/** A client for the HTTP API, version 1: https://prometheus.io/docs/prometheus/latest/querying/api/ */
export function createPrometheusClient(url: string): PrometheusClient {
  const ask = async <Data>(path: string, form?: Record<string, string>): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      signal: AbortSignal.timeout(10_000)
    })
    const answer = (await response.json()) as { status: string; data: Data; error?: string }
    if (answer.status !== 'success') throw new Error(`Prometheus refused ${form?.query ?? path}: ${answer.error}`)
    return answer.data
  }
  return {
    url,
    async query(expression) {
      const data = await ask<QueryData>('query', { query: expression })
      if (data.resultType === 'scalar') return [{ labels: {}, value: toNumber(data.result[1]) }]
      return data.result.map(({ metric, value }) => ({ labels: metric, value: toNumber(value?.[1]) }))
    },
    async queryRange(expression, { startMs, endMs, stepMs }) {
      const form = { start: startMs / 1000, end: endMs / 1000, step: stepMs / 1000 }
      const words = Object.fromEntries(Object.entries(form).map(([key, value]) => [key, String(value)]))
      const data = await ask<RangeData>('query_range', { query: expression, ...words })
      return data.result.map(({ metric, values }) => ({
        labels: metric,
        points: values.map(([seconds, text]) => [seconds * 1000, toNumber(text)] as const)
      }))
    },
    async alerts() {
      const { alerts } = await ask<{ alerts: AlertData[] }>('alerts')
      return alerts.map(({ labels: { alertname: name = '', ...labels }, ...alert }) => ({ name, ...alert, labels }))
    },
    async targets() {
      const { activeTargets } = await ask<{ activeTargets: TargetData[] }>('targets?state=active')
      return activeTargets.map(({ labels, health, lastError }) => ({
        job: labels.job ?? '',
        instance: labels.instance ?? '',
        health,
        lastError
      }))
    }
  }
}

type Labels = Record<string, string>
type QueryData =
  | { resultType: 'scalar'; result: [number, string] }
  | { resultType: 'vector'; result: { metric: Labels; value?: [number, string] }[] }
interface RangeData {
  result: { metric: Labels; values: [number, string][] }[]
}
interface AlertData {
  state: 'pending' | 'firing'
  labels: Labels
  annotations: Labels
}
interface TargetData {
  labels: Labels
  health: ScrapeTarget['health']
  lastError: string
}

/** Prometheus writes `NaN`, `+Inf` and `-Inf`. */
function toNumber(text = 'NaN'): number {
  return Number(text.replace(/Inf$/, 'Infinity'))
}
