import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Fault } from '../control/fault.ts'
import { httpChunk } from './frames.ts'

/** Longest time that a fault keeps a caller waiting for nothing. */
export const MAX_HANG_MS = 600_000

const HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }

const GARBAGE = httpChunk(
  'data: {"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"conte\n\ndata: <html>502</html>\n\n%%%\n\n'
)
const IN_STREAM_ERROR = httpChunk(
  'data: {"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}\n\n'
)

export interface Pace {
  firstTokenMs: number
  gapMs: number
}

/** Writes one streamed answer at its pace, straight to the socket: the pieces are framed for HTTP already. */
export class PacedWriter {
  readonly #response: ServerResponse
  readonly #socket: Socket
  readonly #frames: readonly Buffer[]
  readonly #pace: Pace
  readonly #fault: Fault | undefined
  readonly #onWritten: () => void
  #next = 0
  #timer: NodeJS.Timeout | undefined
  #ended: boolean = false

  /** @param onWritten called once, when the answer was written to its end or to its fault */
  constructor(
    response: ServerResponse,
    frames: readonly Buffer[],
    pace: Pace,
    fault: Fault | undefined,
    onWritten: () => void
  ) {
    this.#response = response
    this.#socket = response.socket!
    this.#frames = frames
    this.#pace = fault?.kind === 'slow' ? { ...pace, gapMs: fault.gapMs } : pace
    this.#fault = fault?.kind === 'slow' ? undefined : fault
    this.#onWritten = onWritten
  }

  start(): void {
    this.#response.writeHead(200, HEADERS)
    if (this.#pace.firstTokenMs === 0) this.#write()
    else this.#timer = setTimeout(this.#write, this.#pace.firstTokenMs)
  }

  /** Stops writing; the caller is gone. */
  stop(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#socket.off('drain', this.#write)
  }

  readonly #write = (): void => {
    if (this.#ended) return
    const socket = this.#socket
    if (socket.writableNeedDrain) {
      socket.once('drain', this.#write)
      return
    }
    // One system call for several writes; a single one is cheaper without.
    const several = this.#pace.gapMs === 0 || this.#next === 0 || this.#next === this.#frames.length - 1
    if (several) socket.cork()
    if (this.#next === 0) this.#response.flushHeaders()
    do {
      if (this.#fault !== undefined && this.#next >= this.#fault.after) {
        this.#breakOff(this.#fault)
        break
      }
      socket.write(this.#frames[this.#next++]!)
      if (this.#next === this.#frames.length) {
        this.#end(true)
        break
      }
    } while (this.#pace.gapMs === 0 && !socket.writableNeedDrain)
    if (several) socket.uncork()
    if (!this.#ended) this.#wait()
  }

  #wait(): void {
    if (this.#pace.gapMs === 0) this.#socket.once('drain', this.#write)
    // The first wait after the first token has another length, so its timer cannot be used again.
    else if (this.#next === 1 || this.#timer === undefined) this.#timer = setTimeout(this.#write, this.#pace.gapMs)
    else this.#timer.refresh()
  }

  #end(wellFormed: boolean): void {
    this.#ended = true
    this.#onWritten()
    if (wellFormed) this.#response.end()
  }

  #breakOff(fault: Fault): void {
    switch (fault.kind) {
      case 'garbage':
        this.#socket.write(GARBAGE)
        this.#end(true)
        break
      case 'error':
        this.#socket.write(IN_STREAM_ERROR)
        this.#end(true)
        break
      case 'end':
        this.#end(true)
        break
      case 'cut':
        this.#end(false)
        // After what was written before has left; destroying at once would throw it away.
        this.#socket.destroySoon()
        break
      case 'reset':
        this.#end(false)
        this.#socket.write('', () => this.#socket.resetAndDestroy())
        break
      default:
        this.#ended = true
        this.#timer = setTimeout(() => this.#socket.destroy(), MAX_HANG_MS)
    }
  }
}
