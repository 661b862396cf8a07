import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorEnvelope } from '@semibot/chat-protocol'
import type { MetricsPageReader } from './metrics-page.ts'
import { RequestError } from './request-error.ts'
import { StartupError, startupMessage } from './run-service.ts'

export interface MetricsAddress {
  host: string
  /** 0: any free port. */
  port: number
}

export interface MetricsListener {
  /** The port that it listens on. */
  readonly port: number
  close(): Promise<void>
}

/** A scrape is one small request; who takes longer is no Prometheus. */
const REQUEST_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 100

/**
 * Serves GET /metrics, and nothing else, on a port of its own.
 * @throws StartupError that names METRICS_PORT when the address cannot be used
 */
export async function listenForMetrics(page: MetricsPageReader, address: MetricsAddress): Promise<MetricsListener> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (...call) => {
    void answer(page, ...call)
  })
  server.maxConnections = MAX_CONNECTIONS
  server.listen(address)
  try {
    await once(server, 'listening')
  } catch (error) {
    const message = startupMessage(error, { ...address, hostKey: 'the host of this service', portKey: 'METRICS_PORT' })
    throw message === undefined ? error : new StartupError(message, { cause: error })
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}

async function answer(page: MetricsPageReader, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (request.url?.split('?', 1)[0] !== '/metrics') throw new RequestError('NOT_FOUND', 'There is only GET /metrics.')
    if (request.method !== 'GET') throw new RequestError('NOT_FOUND', `There is no ${request.method} /metrics.`)
    const { authorization, accept } = request.headers
    const { contentType, body } = await page({
      ...(authorization === undefined ? {} : { authorization }),
      ...(accept === undefined ? {} : { accept })
    })
    response.writeHead(200, { 'content-type': contentType }).end(body)
  } catch (error) {
    const refusal = error instanceof RequestError ? error : new RequestError('INTERNAL', 'The figures cannot be read.')
    const type = { 'content-type': 'application/json; charset=utf-8' }
    response
      .writeHead(refusal.statusCode, { ...type, ...refusal.headers })
      .end(JSON.stringify(errorEnvelope(refusal.code, refusal.message, '')))
  }
}
