import type { ChatEvent } from '@semibot/chat-protocol'
import { clock } from '../load/chat-stream.ts'

/** One chat as a client saw it. Times are milliseconds since 1970. */
export interface ToolChat {
  executionId: string
  events: ChatEvent[]
  /** Empty when it completed in the runtime with one whole answer. */
  problem: string
  mode: string
  sentAt: number
  endedAt: number
}

/** A chat under way. */
export interface RunningChat {
  /** Resolves when the api has accepted it. */
  started: Promise<string>
  ended: Promise<ToolChat>
}

/** How many model calls of the answer speak, as the directives of its message ask for. */
export interface Speech {
  /** Model calls that say something before they call tools. */
  talks: number
}

/** Streams one chat to its end and looks at every event. */
export function runToolChat(
  api: string,
  apiKey: string,
  body: object,
  { talks }: Speech,
  timeoutMs = 120_000
): RunningChat {
  const accepted = Promise.withResolvers<string>()
  const chat: ToolChat = { executionId: '', events: [], problem: '', mode: '', sentAt: clock(), endedAt: 0 }
  const ended = follow(api, apiKey, body, timeoutMs, chat, accepted.resolve)
    .then(() => {
      chat.problem = problemOf(chat, talks)
    })
    .catch((error: unknown) => {
      chat.problem = error instanceof Error ? error.message : String(error)
      accepted.resolve('')
    })
    .then(() => {
      chat.endedAt = clock()
      return chat
    })
  return { started: accepted.promise, ended }
}

async function follow(
  api: string,
  apiKey: string,
  body: object,
  timeoutMs: number,
  chat: ToolChat,
  onAccepted: (executionId: string) => void
): Promise<void> {
  const response = await fetch(`${api}/api/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs)
  })
  if (!response.ok) throw new Error(`answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
  chat.executionId = response.headers.get('x-execution-id') ?? ''
  onAccepted(chat.executionId)
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of response.body ?? []) {
    rest += decoder.decode(piece as Uint8Array, { stream: true })
    const frames = rest.split('\n\n')
    rest = frames.pop() ?? ''
    for (const frame of frames) {
      const data = frame.split('\n').find((line) => line.startsWith('data: '))
      if (data !== undefined) chat.events.push(JSON.parse(data.slice(6)) as ChatEvent)
    }
  }
}

/** What is wrong with the chat as the client saw it; empty when nothing is. */
function problemOf(chat: ToolChat, talks: number): string {
  const { events } = chat
  const last = events.at(-1)
  if (last?.type !== 'execution.completed') return `ended with ${JSON.stringify(last)?.slice(0, 200)}`
  chat.mode = last.mode
  if (last.mode !== 'runtime_orchestrator') return 'answered by direct_llm'
  if (events.some(({ seq }, index) => seq !== index + 1)) return 'events are missing or there twice'
  let text = ''
  for (const event of events) {
    if (event.type === 'message.delta') text += event.delta
    if (event.type === 'execution.fallback' && event.discardedMessageIds.length > 0) text = ''
    if (event.type === 'message.completed' && event.content !== text) return 'the text does not add up'
  }
  const tools = (type: 'tool.started' | 'tool.finished') =>
    events.flatMap((event) => (event.type === type ? [event.toolCallId] : []))
  const started = tools('tool.started')
  if (new Set(started).size !== started.length) return 'a tool was told of twice'
  if (started.join() !== tools('tool.finished').join()) return 'a tool was begun and never ended'
  return problemOfText(text, talks)
}

/** Each paragraph has the words of one model call, counted from 1: a mixed or torn text shows. */
function problemOfText(text: string, talks: number): string {
  const paragraphs = text.split('\n\n').filter((paragraph) => /\[\d+\.\d+\]/.test(paragraph))
  if (paragraphs.length !== talks + 1) return `${paragraphs.length} texts of ${talks + 1} model calls`
  for (const paragraph of paragraphs) {
    const marks = [...paragraph.matchAll(/\[(\d+)\.(\d+)\]/g)]
    if (marks.some(([, place], index) => Number(place) !== index + 1)) return 'a word is missing or there twice'
    if (new Set(marks.map(([, , call]) => call)).size !== 1) return 'a text of several model calls'
  }
  return ''
}
