import { closeSync, mkdirSync, openSync, write, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface LogOutputOptions {
  /** A file descriptor, or the path of a file that lines are appended to; its folder is made when it is missing. */
  target: number | string
  /** Bytes that may wait for a slow target; lines on top are dropped and counted. Default 4 MiB. */
  maxWaitingBytes?: number
  /** Most bytes of one write, but for a single line that is longer. Default 64 KiB. */
  chunkBytes?: number
  /** Called before each write. */
  beforeWrite?: (() => void) | undefined
  onDropped: (lines: number) => void
  /** Once per outage of the target, with a sentence for the operator. */
  onTrouble: (message: string) => void
}

const CHUNK_BYTES = 64 * 1024
const BUSY_RETRY_MS = 20
/** Lines wait at most this long for others to be written with. */
const GATHER_MS = 10
/** At exit, when nobody can wait for a target any more. */
const LAST_ATTEMPTS = 50

interface Line {
  text: string
  bytes: number
}

/**
 * One place that log lines go to, written in order and off the event loop's thread. A target that cannot be
 * opened or written is reported once; a file is tried again at `reopen`, and with every further chunk.
 */
export class LogOutput {
  readonly #options: LogOutputOptions
  readonly #maxWaitingBytes: number
  #descriptor: number | undefined
  #waiting: Line[] = []
  #waitingBytes = 0
  #busy = false
  #reopening = false
  #inTrouble = false
  /** A chunk was written in part only: the next one must not continue its last line. */
  #torn = false
  /** What the target had no room for; it is tried again soon. */
  #held: Buffer | undefined
  #idle: (() => void)[] = []

  constructor(options: LogOutputOptions) {
    this.#options = options
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 4 * 1024 * 1024
    this.#open()
  }

  write(text: string): void {
    if (this.#descriptor === undefined) return
    const bytes = Buffer.byteLength(text)
    if (this.#waitingBytes + bytes > this.#maxWaitingBytes) {
      this.#options.onDropped(1)
      return
    }
    this.#waiting.push({ text, bytes })
    this.#waitingBytes += bytes
    if (this.#busy) return
    this.#busy = true
    this.#gather()
  }

  /** Opens the file again under its path, after what is being written. */
  reopen(): void {
    if (this.#busy) this.#reopening = true
    else this.#open()
  }

  /** Resolves when nothing waits any more; never rejects. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#busy) this.#idle.push(resolve)
      else resolve()
    })
  }

  /** Hands over what waits, as far as the target takes it at once; for the last moment of a process. */
  flushSync(): void {
    if (this.#descriptor === undefined) return
    const held = this.#held
    this.#held = undefined
    if (held !== undefined && !this.#sendSync(held)) return
    while (this.#waiting.length > 0) {
      const { text } = this.#takeLines(this.#options.chunkBytes ?? CHUNK_BYTES)
      if (!this.#sendSync(Buffer.from(text))) return
    }
  }

  #sendSync(chunk: Buffer): boolean {
    let rest = chunk
    for (let attempt = 0; rest.length > 0; ) {
      try {
        this.#options.beforeWrite?.()
        rest = rest.subarray(writeSync(this.#descriptor!, rest))
        attempt = 0
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || ++attempt === LAST_ATTEMPTS) return false
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_RETRY_MS)
      }
    }
    return true
  }

  #open(): void {
    const { target } = this.#options
    if (typeof target === 'number') {
      this.#descriptor ??= target
      return
    }
    const old = this.#descriptor
    try {
      mkdirSync(dirname(target), { recursive: true })
      this.#descriptor = openSync(target, 'a')
    } catch (error) {
      this.#trouble(error)
      return
    }
    this.#inTrouble = false
    this.#torn = false
    if (old !== undefined) closeSync(old)
  }

  #writeChunk(): void {
    const { text, count } = this.#takeLines(this.#options.chunkBytes ?? CHUNK_BYTES)
    this.#send(Buffer.from(this.#torn ? `\n${text}` : text), count)
  }

  #send(chunk: Buffer, lines: number): void {
    this.#options.beforeWrite?.()
    write(this.#descriptor!, chunk, (error, written) => {
      if (error === null) {
        this.#inTrouble = false
        this.#torn = written < chunk.length
        if (this.#torn) this.#send(chunk.subarray(written), lines)
        else this.#gather()
      } else if (error.code === 'EAGAIN') {
        this.#held = chunk
        setTimeout(() => this.#sendHeld(lines), BUSY_RETRY_MS)
      } else {
        // The reader of a pipe is gone for good.
        if (error.code === 'EPIPE') this.#descriptor = undefined
        this.#options.onDropped(lines)
        this.#trouble(error)
        this.#next()
      }
    })
  }

  #sendHeld(lines: number): void {
    const chunk = this.#held
    this.#held = undefined
    if (chunk === undefined) this.#next()
    else this.#send(chunk, lines)
  }

  /**
   * One write for the lines of some milliseconds: a write costs as much as the rest of a line. What is logged
   * right before `process.exit` is still here then, see `flushSync`.
   */
  #gather(): void {
    if (this.#waitingBytes >= CHUNK_BYTES || this.#idle.length > 0 || this.#waiting.length === 0) this.#next()
    else setTimeout(() => this.#next(), GATHER_MS)
  }

  #next(): void {
    if (this.#reopening) {
      this.#reopening = false
      this.#open()
    }
    if (this.#descriptor === undefined) this.#takeLines(Number.POSITIVE_INFINITY)
    if (this.#waiting.length > 0) {
      this.#writeChunk()
      return
    }
    this.#busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #takeLines(maxBytes: number): { text: string; count: number } {
    let text = ''
    let bytes = 0
    let count = 0
    for (const line of this.#waiting) {
      if (count > 0 && bytes + line.bytes > maxBytes) break
      text += line.text
      bytes += line.bytes
      count++
    }
    this.#waiting.splice(0, count)
    this.#waitingBytes -= bytes
    return { text, count }
  }

  #trouble(error: unknown): void {
    if (this.#inTrouble) return
    this.#inTrouble = true
    const { target, onTrouble } = this.#options
    const name = typeof target === 'string' ? target : `descriptor ${target}`
    const remedy = typeof target === 'string' ? ' Set LOG_FILE to a file that this user may write.' : ''
    onTrouble(`Log output ${name} cannot be written: ${(error as Error).message}.${remedy}`)
  }
}
