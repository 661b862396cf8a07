import { type Logger, pino, stdTimeFunctions } from 'pino'
import { createLogOutput, type LogOutput } from './log-output.ts'
import { errorFields, redactFields } from './redact.ts'

export interface LoggerOptions {
  /** Service name, a field of every line. */
  name: string
  /** fatal, error, warn, info, debug, trace or silent. */
  level: string
  /** Written beside stdout when given; its folder is made when it is missing. */
  file?: string | undefined
  /** Called with 1 for each line that was dropped because a target could not keep up. */
  onDropped?: ((lines: number) => void) | undefined
  /** Bytes that may wait per target. Default 4 MiB. */
  maxWaitingBytes?: number
}

export interface ServiceLogger {
  logger: Logger
  /** Opens the file again under its path, after it was renamed (SIGHUP). Without a file it does nothing. */
  reopen(): void
  /** Resolves when all lines so far are handed to the operating system; never rejects. */
  flush(): Promise<void>
  droppedLines(): number
}

const STDOUT = 1

/**
 * JSON lines on stdout, and in a file as well when one is given. `msg` is always the last field: the runbook's
 * pipelines cut at its text. Secrets and message contents are replaced by key (see `redactFields`). A file that
 * cannot be written costs one warning and nothing else.
 */
export function createLogger(options: LoggerOptions): ServiceLogger {
  const { name, level, file, onDropped, maxWaitingBytes } = options
  let dropped = 0
  const outputs: LogOutput[] = []
  const logger = pino(
    {
      level,
      base: { name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: redactFields,
        bindings: redactFields
      },
      serializers: { err: (error: unknown) => errorFields(error) }
    },
    {
      write(line: string) {
        for (const output of outputs) output.write(line)
      }
    }
  )

  function add(target: number | string): void {
    outputs.push(
      createLogOutput({
        target,
        ...(maxWaitingBytes === undefined ? {} : { maxWaitingBytes }),
        onDropped: () => {
          dropped++
          onDropped?.(1)
        },
        onTrouble: (message) => logger.warn(message)
      })
    )
  }
  add(STDOUT)
  if (file !== undefined && file !== '') add(file)

  return {
    logger,
    reopen() {
      for (const output of outputs) output.reopen()
    },
    async flush() {
      await Promise.all(outputs.map((output) => output.flush()))
    },
    droppedLines: () => dropped
  }
}
