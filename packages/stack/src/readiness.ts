import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { waitFor } from './wait-for.ts'

/** How a process shows that it is up. */
export type Readiness =
  /** An http: or https: URL that answers 200. */
  | { url: string }
  /** A line of stdout or stderr. */
  | { line: RegExp }
  /** Anything else: looked at until it is true; what it throws is shown when the time is up. */
  | { check: () => boolean | Promise<boolean> }

/**
 * Resolves when the process is up. `lineSeen` resolves with the line that shows it; `signal` ends the waiting, after
 * which the result means nothing.
 * @throws {Error} when it is not up within `timeoutMs`
 */
export async function untilReady(
  ready: Readiness,
  lineSeen: Promise<void>,
  timeoutMs: number,
  signal: AbortSignal
): Promise<void> {
  if ('line' in ready) return await untilSeen(lineSeen, timeoutMs, signal)
  const check = 'url' in ready ? () => isOk(ready.url) : ready.check
  const what = 'url' in ready ? `${ready.url} to answer 200` : 'it to be ready'
  await waitFor(check, { timeoutMs, intervalMs: 25, what, signal })
}

/**
 * Whether the URL answers 200 within a second; throws when nothing answers. Whether a certificate is to be trusted is
 * not asked: it is a process of our own, and nothing is told to it.
 */
export async function isOk(url: string): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      response.resume()
      resolve(response.statusCode === 200)
    }
    const options = { agent: false, timeout: 1000 }
    const request = url.startsWith('https:')
      ? getSecure(url, { ...options, rejectUnauthorized: false }, answered)
      : get(url, options, answered)
    request.once('error', reject)
    request.once('timeout', () => request.destroy(new Error(`${url} did not answer within 1 s`)))
  })
}

async function untilSeen(lineSeen: Promise<void>, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs)
  await Promise.race([lineSeen, once(AbortSignal.any([timeout, signal]), 'abort')])
  if (timeout.aborted) throw new Error(`its line of readiness did not come within ${timeoutMs} ms`)
}
