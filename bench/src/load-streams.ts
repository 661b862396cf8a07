import { connect, type Socket } from 'node:net'
import { quantile } from './quantiles.ts'
import type { StreamLoad, StreamResult } from './types.ts'

const body = JSON.stringify({ message: 'How much is it? '.repeat(20), stream: true })
/** Starts of streams are spread over this time. */
const RAMP_MS = 1000
/** Longest part of a mark that can be cut off at the end of a read. */
const MARK_LENGTH = 32

/**
 * Opens streams on raw sockets and reads the time that each chunk carries: parsing HTTP here would cost as much
 * as the system under test. A chunk's text begins with `t<milliseconds>`, see upstream.ts.
 */
export async function loadStreams(load: StreamLoad): Promise<StreamResult> {
  const url = new URL(load.url)
  const request = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...Object.entries(load.headers).map(([name, value]) => `${name}: ${value}`),
    '',
    body
  ].join('\r\n')
  const lags: number[] = []
  const firstBytes: number[] = []
  let errors = 0
  let chunks = 0
  const started = performance.now()

  const one = (index: number) =>
    new Promise<void>((resolve) => {
      setTimeout(
        () => {
          const socket = connect(Number(url.port), url.hostname)
          const sent = performance.now()
          let seen = 0
          socket.once('data', (data: Buffer) => {
            firstBytes.push(performance.now() - sent)
            if (!data.subarray(0, 12).includes('200')) errors++
          })
          readChunks(socket, load.chunkKey, (lag) => {
            seen++
            lags.push(lag)
          })
          socket.on('error', () => errors++)
          socket.on('close', () => {
            chunks += seen
            if (seen < load.chunks) errors++
            resolve()
          })
          socket.write(request)
        },
        (index / load.streams) * RAMP_MS
      )
    })
  await Promise.all(Array.from({ length: load.streams }, (_, index) => one(index)))

  const sorted = Float64Array.from(lags).sort()
  return {
    chunks,
    lost: load.streams * load.chunks - chunks,
    errors,
    seconds: (performance.now() - started) / 1000,
    firstByteP99Ms: quantile(Float64Array.from(firstBytes).sort(), 0.99),
    lagP50Ms: quantile(sorted, 0.5),
    lagP99Ms: quantile(sorted, 0.99)
  }
}

/** Calls back for each chunk with its age in milliseconds. A mark that is cut between two reads is kept for the next. */
function readChunks(socket: Socket, key: string, onChunk: (lagMs: number) => void): void {
  const pattern = new RegExp(`"${key}":"t(\\d{13}\\.\\d{3}) `, 'g')
  let rest = ''
  socket.on('data', (data: Buffer) => {
    const now = performance.timeOrigin + performance.now()
    const text = rest + data.toString('latin1')
    let end = 0
    pattern.lastIndex = 0
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      end = pattern.lastIndex
      onChunk(now - Number(match[1]))
    }
    rest = text.slice(Math.max(end, text.length - MARK_LENGTH))
  })
}
