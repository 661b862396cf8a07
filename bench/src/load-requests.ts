import { Pool } from 'undici'
import { quantile } from './quantiles.ts'
import type { RequestLoad, RequestResult } from './types.ts'

const body = JSON.stringify({ message: 'How much is it? '.repeat(20), stream: false })

/** Sends non-stream chats for the given time and measures how long each took. */
export async function loadRequests(load: RequestLoad): Promise<RequestResult> {
  const url = new URL(load.url)
  const pool = new Pool(url.origin, { connections: load.connections })
  const latencies: number[] = []
  let errors = 0
  const started = performance.now()
  const end = started + load.durationMs

  const worker = async () => {
    while (performance.now() < end) {
      const sent = performance.now()
      const answer = await pool.request({
        path: url.pathname,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...load.headers },
        body
      })
      const text = await answer.body.text()
      if (answer.statusCode === 200 && text.includes('word word')) latencies.push(performance.now() - sent)
      else errors++
    }
  }
  await Promise.all(Array.from({ length: load.connections }, worker))
  const seconds = (performance.now() - started) / 1000
  const sorted = Float64Array.from(latencies).sort()
  return { requests: sorted.length, errors, seconds, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) }
}
