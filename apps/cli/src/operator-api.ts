import { randomUUID } from 'node:crypto'
import type { FallbackStatusBody, ModeExplanation, RuntimeInstanceBody, RuntimeMetrics } from '@semibot/chat-protocol'
import { CliError } from './failure.ts'

/** The calls of the operator's API that demonstration, drills and diagnosis make. Each throws CliError when it is not answered well. */
export interface OperatorApi {
  status(): Promise<FallbackStatusBody>
  instances(): Promise<RuntimeInstanceBody[]>
  metrics(): Promise<RuntimeMetrics>
  /** Which mode a new session of the organisation would get. */
  explain(org: string): Promise<ModeExplanation>
  reset(): Promise<void>
}

const TIMEOUT_MS = 5000

/** `actor` is how the history names who gave an order. */
export function createOperatorApi(apiUrl: string, adminToken: string, actor = 'demo'): OperatorApi {
  async function call<T>(method: 'GET' | 'POST', path: string): Promise<T> {
    const url = `${apiUrl}/api/v1/runtime${path}`
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, 'x-actor': actor },
      signal: AbortSignal.timeout(TIMEOUT_MS)
    }).catch((error: unknown) => {
      throw new CliError(`${url} does not answer (${error instanceof Error ? error.message : error})`)
    })
    const text = await response.text()
    if (!response.ok) throw new CliError(`${url} answered ${response.status}: ${text.slice(0, 200)}`)
    return (JSON.parse(text) as { data: T }).data
  }

  return {
    status: () => call('GET', '/fallback/status'),
    instances: () => call('GET', '/instances'),
    metrics: () => call('GET', '/metrics'),
    explain: (org) => call('GET', `/explain?orgId=${org}&sessionId=${randomUUID()}`),
    reset: async () => void (await call('POST', '/fallback/reset'))
  }
}
