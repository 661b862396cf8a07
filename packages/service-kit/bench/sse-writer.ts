// CPU per chunk of createSseWriter beside response.write, over real sockets. Run:
//   node --conditions=@semibot/source bench/sse-writer.ts [streams] [frames per turn]
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { sseEvent } from '@semibot/chat-protocol'
import { pino } from 'pino'
import { createServer, createSseWriter } from '../src/index.ts'

const MODES = ['no write', 'response.write', 'createSseWriter'] as const
const CHUNKS_PER_SECOND = 50
const ROUNDS = 3
const MEASURE_MS = 4000

interface Mark {
  cpuUs: number
  chunks: number
  rssBytes: number
}

async function serve(mode: string, perTurn: number): Promise<void> {
  const writers: ((frame: string) => unknown)[] = []
  const app = createServer({ logger: pino({ level: 'silent' }) })
  app.get('/', (_request, reply) => {
    if (mode === 'createSseWriter') {
      const writer = createSseWriter(reply, { heartbeatMs: 15_000 })
      writers.push((frame) => writer.write(frame))
    } else {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      writers.push(mode === 'no write' ? (frame) => frame.length : (frame) => reply.raw.write(frame))
    }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  let chunks = 0
  process.on('message', (message) => {
    if (message === 'start') {
      const startedAt = performance.now()
      const dueAt = (ms: number) => Math.floor((ms / 1000) * ((CHUNKS_PER_SECOND * writers.length) / perTurn))
      let turns = 0
      setInterval(() => {
        for (const due = dueAt(performance.now() - startedAt); turns < due; turns++) {
          const write = writers[turns % writers.length]!
          for (let n = 0; n < perTurn; n++) write(frame(chunks++))
        }
      }, 1)
    } else {
      const { user, system } = process.cpuUsage()
      const mark: Mark = { cpuUs: user + system, chunks, rssBytes: process.memoryUsage.rss() }
      process.send?.(mark)
    }
  })
  process.send?.((app.server.address() as { port: number }).port)
}

function frame(seq: number): string {
  const data = {
    type: 'message.delta',
    messageId: '0198a2b4-7c1e-7000-8000-0123456789ab',
    delta: ' hello wor',
    seq,
    ts: 0
  }
  return sseEvent('message.delta', JSON.stringify(data), seq)
}

async function measure(
  mode: string,
  streams: number,
  perTurn: number
): Promise<{ usPerChunk: number; rssBytes: number }> {
  const child = fork(import.meta.filename, ['serve', mode, String(perTurn)], { execArgv: process.execArgv })
  const [port] = (await once(child, 'message')) as [number]
  const sockets: Socket[] = []
  for (let n = 0; n < streams; n++) {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nhost: bench\r\n\r\n')
    await once(socket, 'data')
    socket.resume()
    sockets.push(socket)
  }
  child.send('start')
  await delay(1500)
  const before = await mark(child)
  await delay(MEASURE_MS)
  const after = await mark(child)
  child.kill('SIGKILL')
  for (const socket of sockets) socket.destroy()
  return { usPerChunk: (after.cpuUs - before.cpuUs) / (after.chunks - before.chunks), rssBytes: after.rssBytes }
}

async function mark(child: ChildProcess): Promise<Mark> {
  const answer = once(child, 'message')
  child.send('mark')
  return (await answer)[0] as Mark
}

async function main(streams: number, perTurn: number): Promise<void> {
  const results = new Map<string, number[]>(MODES.map((mode) => [mode, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const mode of MODES) results.get(mode)?.push((await measure(mode, streams, perTurn)).usPerChunk)
  }
  for (const [mode, values] of results) {
    const sorted = values.toSorted((a, b) => a - b)
    process.stdout.write(`${mode.padEnd(16)} ${sorted.map((value) => value.toFixed(2)).join('  ')} us CPU per chunk\n`)
  }
}

const [first = '500', second = '1', third = '1'] = process.argv.slice(2)
if (first === 'serve') await serve(second, Number(third))
else await main(Number(first), Number(second))
