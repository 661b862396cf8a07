import { setFlagsFromString } from 'node:v8'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import type { ServiceLogger } from './logger.ts'

export interface ListenOptions {
  host: string
  port: number
  /** Environment keys that set them, for the message when the address cannot be used. */
  hostKey: string
  portKey: string
  /** It speaks HTTPS; for the line that says where it listens. */
  secure?: boolean
}

export interface RunServiceOptions {
  app: Pick<FastifyInstance, 'listen' | 'close'>
  logger: ServiceLogger
  listen: ListenOptions
  /** Runs before the server listens; a rejection ends the process with code 1. */
  start?: () => Promise<void>
  /** Runs on SIGHUP, after the log file was opened again. */
  onSighup?: () => void | Promise<void>
  /** How long the drain may take, milliseconds. */
  graceMs: number
  /** What closing may take on top (last frames, other connections, database), then the process ends with 1. Default 5000. */
  closeMarginMs?: number
  /** How long `start` and the plugins may take, milliseconds; then the process ends with 1. Default 60 s. */
  startTimeoutMs?: number
  /**
   * Another process started this one and ends it: it is handed the function that does so. A process manager may
   * send its signal to both of them, so a second one changes nothing here.
   */
  managed?: (stop: () => void) => void
}

const END_SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** A reason not to start that the operator can act on; shown without a stack. */
export class StartupError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartupError'
  }
}

/**
 * The life of a service process. SIGTERM and SIGINT close the app and exit 0, or 1 when that takes too long or
 * a second signal comes; SIGHUP opens the log file again and calls `onSighup`; an uncaught error closes the app
 * and exits 1. When the service cannot start, one line says why and what to do, and the process exits 1.
 * Resolves when the server listens.
 */
export async function runService(options: RunServiceOptions): Promise<void> {
  const { app, logger: service, listen, start, onSighup, graceMs, managed } = options
  const { closeMarginMs = 5000, startTimeoutMs = 60_000 } = options
  const { logger } = service

  // V8 would put what often survives, such as the state of requests under way, into the old generation at once. There
  // it keeps alive, dead itself, whatever it points to until the next full collection: every young collection then
  // copied several times what is in use (docs/decisions/0015).
  setFlagsFromString('--no-allocation-site-pretenuring')

  process.on('SIGHUP', () => {
    service.reopen()
    logger.info('SIGHUP: log file opened again')
    Promise.resolve()
      .then(onSighup)
      .catch((error: unknown) => logger.error({ err: error }, 'SIGHUP: reload was refused'))
  })
  const closer = closeWithGrace(
    {
      delay: graceMs + closeMarginMs,
      skip: managed === undefined ? ['SIGHUP'] : ['SIGHUP', ...END_SIGNALS],
      logger: { error: (...parts: unknown[]) => logger.error({ detail: parts.map(String) }, 'shutdown was cut short') }
    },
    async ({ signal, err }) => {
      if (err) logger.fatal({ err }, 'uncaught error, shutting down')
      else logger.info(`${signal ?? 'end of work'}: shutting down`)
      await app.close()
      logger.info('shut down')
      await service.flush()
    }
  )

  if (managed !== undefined) {
    let asked = false
    const stop = (): void => {
      if (asked) return
      asked = true
      void closer.close()
    }
    for (const signal of END_SIGNALS) process.on(signal, stop)
    managed(stop)
  }

  async function begin(): Promise<void> {
    await start?.()
    const { host, port, secure = false } = listen
    // Fastify does not know of a server that it has not made itself.
    const listenTextResolver = (address: string): string =>
      `Server listening at ${secure ? address.replace('http:', 'https:') : address}`
    await app.listen({ host, port, listenTextResolver })
  }

  const tooLate = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    tooLate.reject(new StartupError(`The service did not start within ${startTimeoutMs} ms.`))
  }, startTimeoutMs)
  try {
    await Promise.race([begin(), tooLate.promise])
    clearTimeout(timer)
    if (managed === undefined) tellProcessManager()
  } catch (error) {
    const message = startupMessage(error, listen)
    if (message === undefined) logger.fatal({ err: error }, 'the service could not start')
    else logger.fatal(message)
    await service.flush()
    process.exit(1)
  }
}

/**
 * Says to pm2, which has started this process with a channel and `wait_ready`, that it takes calls. Nothing happens where
 * there is no channel, or nobody listens.
 */
export function tellProcessManager(): void {
  process.send?.('ready', undefined, undefined, () => {})
}

/** What to do about a start that failed; undefined when only the error itself can tell. */
export function startupMessage(error: unknown, listen: ListenOptions): string | undefined {
  const { host, port, hostKey, portKey } = listen
  if (error instanceof StartupError) return error.message
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is already in use. Stop the process that uses it, or set ${portKey} to a free port.`
    case 'EACCES':
      return `Port ${port} on ${host} may not be opened by this user. Set ${portKey} to a port above 1023.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `Address ${host} is not one of this machine's. Set ${hostKey} to 127.0.0.1, 0.0.0.0 or an address that is.`
    default:
      return undefined
  }
}
