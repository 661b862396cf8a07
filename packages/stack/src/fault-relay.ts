import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { STATUS_CODES } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from './fault-proxy.ts'

/** The fault of the moment, and a signal that ends with it. */
export interface FaultSource {
  fault: Fault
  readonly changed: AbortSignal
}

/** Pieces of answer that wait; beyond that the target is not read on. */
const MAX_WAITING = 64

/** Carries one connection to the target and back, under whatever fault is set. */
export function relay(client: Socket, target: { host: string; port: number }, source: FaultSource): void {
  const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true })
  const gone = new AbortController()
  client
    .on('error', () => {})
    .once('close', () => {
      gone.abort()
      upstream.destroy()
    })
  upstream.on('error', () => client.resetAndDestroy())

  void forwardRequests(client, upstream, source, gone.signal)

  const waiting: Buffer[] = []
  const sent = { bytes: 0, since: source.changed }
  let ended = false
  let pumping = false
  const pump = async (): Promise<void> => {
    if (pumping) return
    pumping = true
    while (!gone.signal.aborted && waiting.length > 0) {
      await sendOne(client, waiting, source, sent, gone.signal)
      if (waiting.length < MAX_WAITING) upstream.resume()
    }
    pumping = false
    if (ended && waiting.length === 0) client.end()
  }
  upstream.on('data', (chunk: Buffer) => {
    waiting.push(chunk)
    if (waiting.length >= MAX_WAITING) upstream.pause()
    void pump()
  })
  upstream.once('end', () => {
    ended = true
    void pump()
  })
}

async function forwardRequests(
  client: Socket,
  upstream: Socket,
  source: FaultSource,
  gone: AbortSignal
): Promise<void> {
  try {
    for await (const chunk of client.iterator({ destroyOnReturn: false })) {
      await released(source, gone)
      if (source.fault.kind === 'status') return void client.end(statusAnswer(source.fault))
      if (!upstream.write(chunk as Buffer)) await once(upstream, 'drain', { signal: gone })
    }
    upstream.end()
  } catch {
    // The connection is gone; its close handler has cleaned up.
  }
}

/** Waits while the fault is `hang`. */
async function released(source: FaultSource, gone: AbortSignal): Promise<void> {
  while (source.fault.kind === 'hang' && !gone.aborted) await either(source.changed, gone)
}

async function sendOne(
  client: Socket,
  waiting: Buffer[],
  source: FaultSource,
  sent: { bytes: number; since: AbortSignal },
  gone: AbortSignal
): Promise<void> {
  const { fault, changed } = source
  if (sent.since !== changed) Object.assign(sent, { bytes: 0, since: changed })
  if (fault.kind === 'hang') return await either(changed, gone)
  let piece = waiting[0] as Buffer
  if (fault.kind === 'delay' && !(await elapsed(fault.ms, changed, gone))) return
  if (fault.kind === 'drip') {
    if (!(await elapsed(fault.intervalMs, changed, gone))) return
    piece = piece.subarray(0, fault.bytes ?? 1)
  }
  if (fault.kind === 'cut') {
    piece = piece.subarray(0, fault.afterBytes - sent.bytes)
    if (sent.bytes + piece.length >= fault.afterBytes) return await cut(client, piece, fault.how ?? 'reset')
  }
  take(waiting, piece.length)
  const clean = fault.kind === 'garbage' ? Math.max((fault.afterBytes ?? 0) - sent.bytes, 0) : piece.length
  sent.bytes += piece.length
  const bytes =
    clean < piece.length ? Buffer.concat([piece.subarray(0, clean), randomBytes(piece.length - clean)]) : piece
  if (!client.write(bytes)) await once(client, 'drain', { signal: gone }).catch(() => {})
}

function take(waiting: Buffer[], bytes: number): void {
  const rest = (waiting[0] as Buffer).subarray(bytes)
  if (rest.length === 0) waiting.shift()
  else waiting[0] = rest
}

/** A reset throws away what has not been delivered, so the last piece must be out first. */
async function cut(client: Socket, piece: Buffer, how: 'reset' | 'close'): Promise<void> {
  const closed = once(client, 'close')
  const finish = (): void => void (how === 'close' ? client.destroySoon() : client.resetAndDestroy())
  if (piece.length === 0) finish()
  else client.write(piece, finish)
  await closed
}

function statusAnswer(fault: Extract<Fault, { kind: 'status' }>): string {
  const body = fault.body ?? ''
  const headers = {
    'content-type': 'text/plain',
    ...fault.headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close'
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? 'Status'}`, ...lines, '', body].join('\r\n')
}

/** False when the fault changed or the connection went away before the time was up. */
async function elapsed(ms: number, changed: AbortSignal, gone: AbortSignal): Promise<boolean> {
  try {
    await pause(ms, undefined, { signal: AbortSignal.any([changed, gone]) })
    return true
  } catch {
    return false
  }
}

async function either(first: AbortSignal, second: AbortSignal): Promise<void> {
  const any = AbortSignal.any([first, second])
  if (!any.aborted) await once(any, 'abort')
}
