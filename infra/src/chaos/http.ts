import { type IncomingMessage, request } from 'node:http'

/** Nothing came back: refused, reset, or silent for too long. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** `ECONNREFUSED`, `ECONNRESET`, `late` and the like. */
  readonly reason: string

  constructor(reason: string) {
    super(`no answer: ${reason}`)
    this.reason = reason
  }
}

export interface Call {
  url: string
  method?: 'GET' | 'POST' | 'DELETE'
  key: string
  headers?: Record<string, string>
  body?: object
  /** Until the headers, milliseconds. */
  timeoutMs: number
}

/** One call on a connection of its own: one that is used again may have been cut long before. Throws NoAnswer. */
export function call({ url, method = 'GET', key, headers = {}, body, timeoutMs }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const outgoing = request(
      url,
      {
        method,
        agent: false,
        headers: {
          authorization: `Bearer ${key}`,
          ...(text !== undefined && { 'content-type': 'application/json' }),
          ...headers
        }
      },
      (response) => {
        clearTimeout(timer)
        // Whoever reads it hears of its end by the events that it waits for.
        response.on('error', () => {})
        resolve(response)
      }
    )
    const timer = setTimeout(() => {
      outgoing.destroy()
      reject(new NoAnswer('late'))
    }, timeoutMs)
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(new NoAnswer(error.code ?? error.message))
    })
    outgoing.end(text)
  })
}

/** Longest wait for a body whose headers are there. */
const BODY_MS = 60_000

/** The whole body as JSON. Throws NoAnswer when it was cut or is no JSON. */
export async function bodyOf(response: IncomingMessage): Promise<unknown> {
  let text = ''
  const timer = setTimeout(() => response.destroy(), BODY_MS)
  try {
    response.setEncoding('utf8')
    for await (const piece of response) text += piece
  } catch {
    throw new NoAnswer('cut in the body')
  } finally {
    clearTimeout(timer)
  }
  if (!response.complete) throw new NoAnswer('cut in the body')
  try {
    return JSON.parse(text)
  } catch {
    throw new NoAnswer(`status ${response.statusCode} with a body that is no JSON`)
  }
}

/** How reading a stream ended: as HTTP ends, by a destroyed socket, by the reader; or it said nothing, or had no end, for too long. */
export type StreamEnd = 'ended' | 'cut' | 'left' | 'silent' | 'endless'

/** Gives each piece to `onPiece` until the end; false of that leaves. A stream may not take longer than `limitMs`, either. */
export function readStream(
  response: IncomingMessage,
  { silentMs, limitMs }: { silentMs: number; limitMs: number },
  onPiece: (piece: Buffer) => boolean
): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const finish = (end: StreamEnd) => {
      clearTimeout(timer)
      clearTimeout(limit)
      response.destroy()
      resolve(end)
    }
    const timer = setTimeout(() => finish('silent'), silentMs)
    const limit = setTimeout(() => finish('endless'), limitMs)
    response.on('data', (piece: Buffer) => {
      timer.refresh()
      if (!onPiece(piece)) finish('left')
    })
    const over = () => finish(response.complete ? 'ended' : 'cut')
    if (response.closed) over()
    response.once('end', over)
    response.once('close', over)
  })
}
