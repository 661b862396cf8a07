import { LIMITS } from '@semibot/chat-protocol'
import { EventStreamError, retryAfterMs } from '@semibot/chat-protocol/event-stream'
import type { Dispatcher } from 'undici'

export interface JsonRequest {
  dispatcher: Dispatcher
  origin: string
  path: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
  /** Some bytes of the answer are here. */
  onActivity: () => void
}

type Headers = Record<string, string | string[] | undefined>

/** Collects one answer as text; undici pushes the bytes in. */
class TextAnswer implements Dispatcher.DispatchHandler {
  readonly #request: JsonRequest
  readonly #resolve: (text: string) => void
  readonly #reject: (error: unknown) => void
  readonly #pieces: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #bytes = 0
  #status = 0
  #headers: Headers = {}
  #settled: boolean = false

  constructor(request: JsonRequest, resolve: (text: string) => void, reject: (error: unknown) => void) {
    this.#request = request
    this.#resolve = resolve
    this.#reject = reject
  }

  /** The signal's abort event. */
  handleEvent(): void {
    this.#fail(new EventStreamError('aborted', 'the request was aborted', { cause: this.#request.signal.reason }))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) controller.abort(new Error('aborted'))
    else this.#controller = controller
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#settled) return
    this.#bytes += piece.length
    if (this.#bytes > LIMITS.streamBytes) {
      this.#fail(new EventStreamError('too_large', `the answer is larger than ${LIMITS.streamBytes} bytes`))
      return
    }
    this.#request.onActivity()
    this.#pieces.push(piece)
  }

  onResponseEnd(): void {
    if (this.#settled) return
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces)
    const body = bytes.toString('utf8')
    if (this.#status === 200) {
      this.#settle()
      this.#resolve(body)
      return
    }
    const wait = retryAfterMs(this.#headers)
    this.#fail(
      new EventStreamError('status', `the server answered ${this.#status}`, {
        status: this.#status,
        body: body.slice(0, 4096),
        ...(wait === undefined ? {} : { retryAfterMs: wait })
      })
    )
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    const kind = this.#controller === undefined ? 'connect' : 'reset'
    this.#fail(new EventStreamError(kind, cause.message, { cause }))
  }

  #fail(error: Error): void {
    if (this.#settled) return
    this.#settle()
    this.#reject(error)
    this.#controller?.abort(error)
  }

  #settle(): void {
    this.#settled = true
    this.#request.signal.removeEventListener('abort', this)
  }
}

/** Sends a POST and gives the body of the answer as text. @throws EventStreamError for everything but a 200 */
export function postForText(request: JsonRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const answer = new TextAnswer(request, resolve, reject)
    request.signal.addEventListener('abort', answer)
    const { dispatcher, origin, path, headers, body } = request
    dispatcher.dispatch({ origin, path, method: 'POST', headers, body }, answer)
  })
}
