import type { Logger } from 'pino'

export interface LoggerOptions {
  /** Service name, a field of every line. */
  name: string
  /** fatal, error, warn, info, debug, trace or silent. */
  level: string
  /** Written beside stdout when given. */
  file?: string | undefined
  onDropped?: ((lines: number) => void) | undefined
}

export interface ServiceLogger {
  logger: Logger
  /** Opens the file again under its path, after it was renamed (SIGHUP). */
  reopen(): void
  flush(): Promise<void>
  droppedLines(): number
}

export function createLogger(_options: LoggerOptions): ServiceLogger {
  throw new Error('being written')
}
