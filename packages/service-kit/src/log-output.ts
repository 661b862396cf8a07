import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { destination } from 'pino'

/** Lines that a slow or full target may keep waiting, in bytes; what comes on top is dropped and counted. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024

type Stream = ReturnType<typeof destination>

export interface LogOutputOptions {
  /** A file descriptor or a path. */
  target: number | string
  onDropped: () => void
  /** Once per outage of the target, with a sentence for the operator. */
  onTrouble: (message: string) => void
  maxWaitingBytes?: number
}

/** One place that log lines go to. */
export interface LogOutput {
  write(line: string): void
  reopen(): void
  /** Resolves when everything written so far is handed to the operating system or cannot be; never rejects. */
  flush(): Promise<void>
}

/**
 * Appends to the target without blocking the event loop. A file that cannot be opened or written is reported
 * once; a later `reopen` tries again.
 */
export function createLogOutput(options: LogOutputOptions): LogOutput {
  const { target, onDropped, onTrouble, maxWaitingBytes = MAX_WAITING_BYTES } = options
  let stream = open()

  function open(): Stream | undefined {
    try {
      if (typeof target === 'string') {
        mkdirSync(dirname(target), { recursive: true })
        closeSync(openSync(target, 'a'))
      }
    } catch (error) {
      onTrouble(troubleText(target, error))
      return undefined
    }
    // minLength above 0, since `flush` waits for nothing otherwise.
    const opened = destination({ dest: target, sync: false, append: true, minLength: 1, maxLength: maxWaitingBytes })
    guardExit(opened)
    let inTrouble = false
    opened.on('drop', onDropped)
    opened.on('write', () => {
      inTrouble = false
    })
    opened.on('error', (error: Error) => {
      if (!inTrouble) onTrouble(troubleText(target, error))
      inTrouble = true
    })
    return opened
  }

  return {
    write(line) {
      stream?.write(line)
    },
    reopen() {
      if (typeof target !== 'string') return
      if (stream === undefined) stream = open()
      else stream.reopen()
    },
    flush() {
      const { promise, resolve } = Promise.withResolvers<void>()
      if (stream === undefined) resolve()
      else stream.flush(() => resolve())
      return promise
    }
  }
}

/** At exit pino writes out what waits, which throws while the file is not open yet. */
function guardExit(stream: Stream): void {
  const { flushSync } = stream
  stream.flushSync = () => {}
  stream.once('ready', () => {
    stream.flushSync = flushSync
  })
}

function troubleText(target: number | string, error: unknown): string {
  const name = typeof target === 'string' ? target : `descriptor ${target}`
  return `Log output ${name} cannot be written: ${(error as Error).message}. Set LOG_FILE to a file that this user may write.`
}
