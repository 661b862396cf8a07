import { randomUUID } from 'node:crypto'
import { type ChatEvent, chatEventSchema, type ExecuteRequest } from '@semibot/chat-protocol'
import { AUTHORIZED } from './start-app.ts'

type Overrides = Partial<Omit<ExecuteRequest, 'agent'>> & { agent?: Partial<ExecuteRequest['agent']> }

export const ALL_TOOLS = ['calculator', 'current_time', 'search_history']

/** A request as the api sends it; without tools unless given. */
export function makeRequest(message: string, { agent, ...overrides }: Overrides = {}): ExecuteRequest {
  return {
    executionId: randomUUID(),
    orgId: randomUUID(),
    sessionId: randomUUID(),
    userId: null,
    messageId: randomUUID(),
    message,
    history: [],
    agent: { id: 'agent', slug: 'default', systemPrompt: '', model: 'simulator', tools: [], ...agent },
    ...overrides
  }
}

/** The same for an agent with all tools. */
export function makeToolRequest(message: string, overrides: Overrides = {}): ExecuteRequest {
  return makeRequest(message, { ...overrides, agent: { slug: 'assistant', tools: ALL_TOOLS, ...overrides.agent } })
}

export interface Call {
  path?: string
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Sends any body to the runtime with the service token. */
export function post(origin: string, body: unknown, { path = '/api/v1/execute/stream', headers, signal }: Call = {}) {
  return fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...AUTHORIZED, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal })
  })
}

export interface ReadStream {
  /** Resolves with the next event; rejects when the stream ends or breaks before. */
  next(): Promise<ChatEvent>
  /** Reads up to and including the first event of this type. */
  until(type: ChatEvent['type']): Promise<ChatEvent>
  /** Reads to the end; all events, those read before included. */
  all(): Promise<ChatEvent[]>
  /** Comments so far. */
  comments: string[]
  /** What came so far, as it came. */
  readonly raw: string
}

/** Reads an event stream frame by frame; every event is checked against the wire's schema and its own frame. */
export function readStream(response: Response): ReadStream {
  const events: ChatEvent[] = []
  const comments: string[] = []
  const frames = framesOf(response)
  let raw = ''
  const stream: ReadStream = {
    comments,
    get raw() {
      return raw
    },
    async next() {
      for (;;) {
        const { value, done } = await frames.next()
        if (done) throw new Error(`the stream ended after ${events.length} events`)
        raw += value
        if (value.startsWith(':')) {
          comments.push(value.slice(1).trim())
          continue
        }
        const event = parseFrame(value)
        events.push(event)
        return event
      }
    },
    async until(type) {
      for (;;) {
        const event = await stream.next()
        if (event.type === type) return event
      }
    },
    async all() {
      for (;;) {
        const { value, done } = await frames.next()
        if (done) return events
        raw += value
        if (value.startsWith(':')) comments.push(value.slice(1).trim())
        else events.push(parseFrame(value))
      }
    }
  }
  return stream
}

/** Runs a request to its end. */
export async function run(origin: string, body: ExecuteRequest, call: Call = {}): Promise<ChatEvent[]> {
  const response = await post(origin, body, call)
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
  return readStream(response).all()
}

export function typesOf(events: readonly ChatEvent[]): string[] {
  return events.map(({ type }) => type)
}

/** The types without repetitions that follow each other directly. */
export function shapeOf(events: readonly ChatEvent[]): string[] {
  return typesOf(events).filter((type, index, types) => type !== types[index - 1])
}

export function lastOf<T extends ChatEvent['type']>(events: readonly ChatEvent[], type: T) {
  const last = events.at(-1)
  if (last?.type !== type) throw new Error(`expected ${type} as the last event, got ${JSON.stringify(last)}`)
  return last as Extract<ChatEvent, { type: T }>
}

async function* framesOf(response: Response): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      yield rest.slice(0, end + 2)
      rest = rest.slice(end + 2)
    }
  }
  if (rest !== '') throw new Error(`the stream broke off inside a frame: ${rest}`)
  return undefined
}

function parseFrame(frame: string): ChatEvent {
  const match = /^id: (\d+)\nevent: ([a-z.]+)\ndata: (.+)\n\n$/.exec(frame)
  if (match === null) throw new Error(`not a frame of an event: ${JSON.stringify(frame)}`)
  const event = chatEventSchema.parse(JSON.parse(match[3]!)) as ChatEvent
  if (event.seq !== Number(match[1]) || event.type !== match[2]) throw new Error(`frame and event differ: ${frame}`)
  return event
}
