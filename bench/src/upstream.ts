// A model server as cheap as Node allows: it is the same for every system under test and must not be what is
// measured. Non-stream answers are one prepared body; streams are 100 chunks, one each 20 ms, each carrying the
// time at which it was written, so that the reader can tell how long it was under way.
import { createServer, type ServerResponse } from 'node:http'

const CHUNKS = 100
const GAP_MS = 20
const FILL = 'x'.repeat(20)

const answer = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'word '.repeat(70).trim() }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 80, completion_tokens: 70, total_tokens: 150 }
})

const open = new Map<ServerResponse, number>()

function frame(content: string, finish: string | null): string {
  return `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}},"finish_reason":${JSON.stringify(finish)}}]}\n\n`
}

/** Milliseconds since the epoch, with microseconds behind the point: the same clock in every process. */
function time(): string {
  return (performance.timeOrigin + performance.now()).toFixed(3)
}

// Streams are spread over the gap by their number, so that chunks do not come in bursts of all streams at once.
const SLOTS = 10
const slots: Set<ServerResponse>[] = Array.from({ length: SLOTS }, () => new Set())
let slot = 0
let next = 0

setInterval(() => {
  slot = (slot + 1) % SLOTS
  const due = slots[slot]
  if (due === undefined || due.size === 0) return
  const chunk = frame(`t${time()} ${FILL}`, null)
  for (const response of due) {
    const sent = (open.get(response) ?? 0) + 1
    open.set(response, sent)
    if (sent < CHUNKS) {
      response.write(chunk)
      continue
    }
    response.end(
      `${chunk}${frame('', 'stop')}data: {"id":"chatcmpl-bench","choices":[],"usage":{"prompt_tokens":80,"completion_tokens":100,"total_tokens":180}}\n\ndata: [DONE]\n\n`
    )
    forget(response)
  }
}, GAP_MS / SLOTS)

function forget(response: ServerResponse): void {
  open.delete(response)
  for (const set of slots) set.delete(response)
}

const server = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1')
  })
  request.on('end', () => {
    if (!body.includes('"stream":true')) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
      response.end(answer)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.on('close', () => forget(response))
    open.set(response, 0)
    slots[next++ % SLOTS]?.add(response)
  })
})
server.keepAliveTimeout = 60_000
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('upstream listens\n'))
process.on('SIGTERM', () => process.exit(0))
