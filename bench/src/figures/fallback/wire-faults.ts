import { setInterval as every } from 'node:timers/promises'
import { type Fact, openIncident } from '@semibot/stack'
import { usageOf } from '../../process-usage.ts'
import type { Base, Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import type { ChatRecord, LoadMessage } from '../load/chat-load.ts'
import { runChat } from '../load/chat-stream.ts'
import { answerParts, type FakeRuntime, type RuntimeCall, startFakeRuntime } from './fake-runtime.ts'
import { chatFailedWith, DIRECT_FAILED, FALLBACK_ENABLED } from './log-lines.ts'

/** One thing that a sick runtime may put on the wire. */
interface WireFault {
  name: string
  /** How the runtime answers. */
  behave: (call: RuntimeCall, text: string) => void
  /** Code of the failed attempt, and the figure of each such chat. */
  code: string
  /** It is a refusal for lack of room, which is no failed execution. */
  isRefusal?: boolean
  /** Longest time in which the client may see nothing new. */
  pauseMs: number
}

/** What the fake runtime says, so that a mixture with the model's answer shows. */
const RUNTIME_TEXT = 'These are the words of the runtime itself, from the first one to the last one.'
const MODEL_TEXT = 'And these are the words of the model, which nobody else may have said.'
const MESSAGE: LoadMessage = {
  content: `Go on. [[sim:say=${MODEL_TEXT}]]`,
  answer: MODEL_TEXT,
  alternative: RUNTIME_TEXT,
  varies: false
}
const HUGE_BYTES = 10 * 1024 * 1024
/** The api may keep one event of 256 KB and what undici reads ahead; that it keeps all of it would show. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024

const FAULTS: WireFault[] = [
  {
    name: 'answers 500',
    behave: ({ response }) => void response.writeHead(500).end('{"success":false}'),
    code: 'RUNTIME_INTERNAL',
    pauseMs: 1000
  },
  {
    name: 'answers 429 with Retry-After',
    behave: ({ response }) => void response.writeHead(429, { 'retry-after': '1' }).end('{"success":false}'),
    code: 'RUNTIME_OVERLOADED',
    isRefusal: true,
    pauseMs: 1000
  },
  {
    name: 'sends garbage as events',
    behave: ({ response }) =>
      void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end('event: x\ndata: {"type": 17, \n\n%%%\n\n'),
    code: 'RUNTIME_PROTOCOL',
    pauseMs: 1000
  },
  {
    name: 'sends bytes that are no text',
    behave: ({ response }) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(Buffer.alloc(5000, 0xc3)),
    code: 'RUNTIME_PROTOCOL',
    pauseMs: 1000
  },
  {
    name: 'sends HTML with 200',
    behave: ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>'),
    code: 'RUNTIME_PROTOCOL',
    pauseMs: 1000
  },
  { name: 'sends a 10 MB event', behave: sendHugeEvent, code: 'RUNTIME_PROTOCOL', pauseMs: 2000 },
  {
    name: 'sends one byte a second, from the first',
    behave: ({ body, socket }, text) => {
      const { head, events } = answerParts(body, text)
      socket.write(head)
      void drip(socket, events)
    },
    code: 'RUNTIME_UNAVAILABLE',
    pauseMs: 2500
  },
  {
    name: 'sends one byte a second, after its first words',
    behave: ({ body, socket }, text) => {
      const { head, events } = answerParts(body, text)
      socket.write(Buffer.concat([head, ...events.slice(0, 3)]))
      void drip(socket, events.slice(3))
    },
    code: 'RUNTIME_STALLED',
    pauseMs: 2500
  }
]

/** The runtime answers, but not as the protocol says. */
export const wireScenario: Scenario = {
  name: 'wire',
  about: 'the runtime returns 500, 429, garbage, HTML, a 10 MB event, one byte a second',
  async run(context) {
    const { base } = context
    const runtime = await startFakeRuntime(RUNTIME_TEXT)
    const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
    await base.simulator.reset()
    await base.simulator.control({ firstTokenMs: 0, gapMs: 0 })
    const figures: Figure[] = []
    try {
      for (const fault of FAULTS) {
        context.report(`the runtime ${fault.name}`)
        figures.push(await meet(context, fault, api, runtime))
      }
      return figures
    } finally {
      await api.stop()
      runtime.stop()
    }
  }
}

/** Some chats with the fault, two good ones after each so that the fallback stays away. */
async function meet(
  { base, quick }: FigureContext,
  fault: WireFault,
  api: Service,
  runtime: FakeRuntime
): Promise<Figure> {
  const chats = quick ? 1 : 3
  const { code, isRefusal = false, pauseMs } = fault
  const good = runtime.behave
  const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
  const before = usageOf(api.pid).residentBytes
  const bad: ChatRecord[] = []
  const others: ChatRecord[] = []
  for (let count = 0; count < chats; count++) {
    runtime.behave = (call) => fault.behave(call, RUNTIME_TEXT)
    bad.push(await chatOnce(api, base))
    runtime.behave = good
    others.push(await chatOnce(api, base), await chatOnce(api, base))
  }
  const grown = usageOf(api.pid).residentBytes - before
  const problem = [...bad, ...others].find((record) => record.problem !== '')?.problem ?? ''
  const longest = Math.max(...bad.map((record) => record.pauseMs))
  const reasons = `chat_execution_error_reasons_total{mode="runtime_orchestrator",code="${code}"}`
  const client: Fact[] = [
    { what: 'what is wrong with an answer', found: problem || 'nothing', expected: 'nothing' },
    { what: 'chats that direct_llm took over', found: bad.filter(isTakenOver).length, expected: chats }
  ]
  const findings = await incident.check({
    client,
    metric: [
      { series: reasons, increasedBy: isRefusal ? 0 : chats },
      ...(isRefusal ? [{ series: 'chat_shed_total{reason="runtime_overloaded"}', increasedBy: chats }] : []),
      { series: `chat_fallback_executions_total{reason="${code}"}`, increasedBy: chats },
      { series: 'chat_request_total{outcome="error"}', increasedBy: 0 },
      { series: 'chat_runtime_fallback_enabled', is: 0 }
    ],
    log: [
      { message: chatFailedWith(code), times: chats },
      { message: DIRECT_FAILED, times: 0 },
      { message: FALLBACK_ENABLED, times: 0 }
    ],
    database: [
      {
        what: `executions that direct_llm completed because of ${code}`,
        query: `select count(*) from executions where created_at >= $1 and status = 'completed'
          and mode = 'direct_llm' and attempts = 2 and fallback_reason = '${code}'`,
        is: chats
      },
      {
        what: 'stored answers of the model alone',
        query: `select count(*) from messages where created_at >= $1 and role = 'assistant' and content = '${MODEL_TEXT}'`,
        is: chats
      }
    ]
  })
  return figure(
    {
      fault: `runtime ${fault.name}`,
      asked: `answered by direct_llm, ${code}, pause <= ${pauseMs / 1000} s`,
      measured: `${problem === '' ? 'all whole' : problem}, longest pause ${(longest / 1000).toFixed(2)} s${fault.behave === sendHugeEvent ? `, api grew by ${(grown / 1024 / 1024).toFixed(0)} MB` : ''}`
    },
    problem === '' && longest <= pauseMs && grown <= MAX_GROWTH_BYTES,
    findings
  )
}

function isTakenOver(record: ChatRecord): boolean {
  return record.mode === 'direct_llm' || record.fellBack
}

/** Longer than any limit under test, and no longer. */
const PATIENCE_MS = 12_000

function chatOnce(api: Service, base: Base): Promise<ChatRecord> {
  const { apiKey } = base.runtimeOrg
  return runChat({ api: new URL(api.url), apiKey, message: MESSAGE, timeoutMs: PATIENCE_MS, idle: [] })
}

/** Each byte as a chunk of its own, so that none waits for the others. */
async function drip(socket: RuntimeCall['socket'], events: Buffer[]): Promise<void> {
  const bytes = Buffer.concat(events.map(withoutChunk))
  let sent = 0
  for await (const _ of every(1000)) {
    if (socket.destroyed || sent >= bytes.length) return
    socket.write(`1\r\n${bytes.toString('latin1', sent, ++sent)}\r\n`, 'latin1')
  }
}

/** The frame that a chunk of HTTP carries. */
function withoutChunk(chunk: Buffer): Buffer {
  return chunk.subarray(chunk.indexOf('\r\n') + 2, -2)
}

/** An event that never seems to end, in pieces, as long as somebody reads. */
function sendHugeEvent({ body, socket }: RuntimeCall, text: string): void {
  const { head, events } = answerParts(body, text)
  socket.write(
    Buffer.concat([head, ...events.slice(0, 3), Buffer.from(`${HUGE_BYTES.toString(16)}\r\ndata: {"type":"`)])
  )
  const piece = Buffer.alloc(64 * 1024, 'x')
  let sent = 0
  const more = () => {
    while (sent < HUGE_BYTES && !socket.destroyed) {
      sent += piece.length
      if (!socket.write(piece)) return void socket.once('drain', more)
    }
  }
  more()
}
