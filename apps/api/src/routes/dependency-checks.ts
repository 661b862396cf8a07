import { connect } from 'node:net'
import type { DependencyReport } from '@semibot/service-kit'
import { type Dispatcher, request } from 'undici'

/** Longest check of one dependency; /ready takes no longer than the slowest. */
const CHECK_TIMEOUT_MS = 500

function down(detail: string): DependencyReport {
  return { state: 'down', detail }
}

/** Asks a runtime for its health. A stopped process still accepts connections, so connecting would not do. */
export async function checkRuntime(baseUrl: string, dispatcher?: Dispatcher): Promise<DependencyReport> {
  try {
    const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS)
    const { statusCode, body } = await request(new URL('/health', baseUrl), {
      signal,
      ...(dispatcher && { dispatcher })
    })
    await body.dump()
    return statusCode === 200 ? { state: 'up' } : down(`answers /health with ${statusCode}`)
  } catch (error) {
    return down(error instanceof Error && error.name === 'TimeoutError' ? 'does not answer' : 'cannot be reached')
  }
}

/** Connects to the model's server and leaves again: says that it is there, without calling a model. */
export function checkModelServer(baseUrl: string): Promise<DependencyReport> {
  const { hostname, port, protocol } = new URL(baseUrl)
  const socket = connect({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  })
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish(down('does not answer')), CHECK_TIMEOUT_MS)
    const finish = (report: DependencyReport) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(report)
    }
    socket.once('connect', () => finish({ state: 'up' }))
    socket.once('error', () => finish(down('cannot be reached')))
  })
}
