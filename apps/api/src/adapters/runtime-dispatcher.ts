import { Agent, buildConnector } from 'undici'
import { RUNTIME_STREAMS_PER_CONNECTION } from '../constants/config.ts'

export interface RuntimeDispatcherOptions {
  connectTimeoutMs: number
  /** Certificates of the authorities that runtimes are trusted by, PEM. Default: those that Node.js knows. */
  ca?: Buffer | undefined
  /** The name that an address was found by: its certificate is for the name. */
  nameOf: (address: string) => string | undefined
}

/**
 * Connections to the runtime instances, as many as there are calls. An https: instance that speaks HTTP/2 is asked
 * by that, with several calls on one connection; any other one by HTTP/1.1, with one call at a time on each.
 */
export function createRuntimeDispatcher({ connectTimeoutMs, ca, nameOf }: RuntimeDispatcherOptions): Agent {
  const connect = buildConnector({ timeout: connectTimeoutMs, allowH2: true, ...(ca && { ca }) })
  return new Agent({
    connections: null,
    connect: (options, callback) => {
      const name = nameOf(options.hostname)
      connect(name === undefined ? options : { ...options, servername: name }, callback)
    },
    allowH2: true,
    h2Options: { maxConcurrentStreams: RUNTIME_STREAMS_PER_CONNECTION },
    // Waiting is bounded by the callers' own timers, which know a heartbeat from an answer.
    headersTimeout: 0,
    bodyTimeout: 0
  })
}
