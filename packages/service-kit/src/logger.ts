import { type Logger, pino, stdTimeFunctions } from 'pino'
import { LogOutput } from './log-output.ts'
import { errorFields, redactFields } from './redact.ts'
import { stdoutUnblocker } from './stdout-pipe.ts'

export interface LoggerOptions {
  /** Service name, a field of every line. */
  name: string
  /** fatal, error, warn, info, debug, trace or silent. */
  level: string
  /** Written beside stdout when given; its folder is made when it is missing. */
  file?: string | undefined
  /** Called with the number of lines that were dropped because a target could not take them. */
  onDropped?: ((lines: number) => void) | undefined
  /** Bytes that may wait per target. Default 4 MiB. */
  maxWaitingBytes?: number
  /** Other processes write to the same standard output: lines of two of them must not run into each other. */
  sharedStdout?: boolean
}

export interface ServiceLogger {
  logger: Logger
  /** Opens the file again under its path, after it was renamed (SIGHUP). Without a file it does nothing. */
  reopen(): void
  /** Resolves when all lines so far are handed to the operating system, or after 2 s; never rejects. */
  flush(): Promise<void>
  droppedLines(): number
}

const STDOUT = 1
/** What a pipe takes in one piece whoever else writes to it: PIPE_BUF of Linux. */
const SHARED_PIPE_BYTES = 4096
/** A reader of stdout that has stopped reading must not keep a process from ending. */
const FLUSH_LIMIT_MS = 2000

/**
 * JSON lines on stdout, and in a file as well when one is given. `msg` is always the last field: the runbook's
 * pipelines cut at its text. Secrets and message contents are replaced by key (see `redactFields`). A file that
 * cannot be written costs one warning and nothing else.
 */
export function createLogger(options: LoggerOptions): ServiceLogger {
  const { name, level, file, onDropped, maxWaitingBytes, sharedStdout = false } = options
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
      new LogOutput({
        target,
        ...(maxWaitingBytes === undefined ? {} : { maxWaitingBytes }),
        beforeWrite: target === STDOUT ? stdoutUnblocker() : undefined,
        ...(sharedStdout && target === STDOUT ? { chunkBytes: SHARED_PIPE_BYTES } : {}),
        onDropped: (lines) => {
          dropped += lines
          onDropped?.(lines)
        },
        onTrouble: (message) => logger.warn(message)
      })
    )
  }
  add(STDOUT)
  if (file !== undefined && file !== '') add(file)
  process.once('exit', () => {
    for (const output of outputs) output.flushSync()
  })

  return {
    logger,
    reopen() {
      for (const output of outputs) output.reopen()
    },
    async flush() {
      const { promise: limit, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, FLUSH_LIMIT_MS)
      await Promise.race([Promise.all(outputs.map((output) => output.flush())), limit])
      clearTimeout(timer)
    },
    droppedLines: () => dropped
  }
}
