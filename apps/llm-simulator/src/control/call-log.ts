import type { CompletionRequest } from '../wire/completion-request.ts'

/** Where a call can end up; `started` is the sum of the others and of `open`. */
export type Ending = 'completed' | 'aborted' | 'faulted' | 'rejected'

export interface LoggedCall {
  /** Number of the call, from 1. */
  call: number
  model: string
  messages: { role: string; content: string }[]
  tools: string[]
  stream: boolean
  /** Headers that callers pass on; never the authorization. */
  headers: Record<string, string>
}

const KEPT_CALLS = 50
const KEPT_HEADERS = ['traceparent', 'x-request-id', 'user-agent', 'content-type'] as const
const KEPT_MESSAGES = 100
const KEPT_CONTENT_LENGTH = 10_000

/** Counts the calls and keeps the newest of them, cut to a bounded size. */
export class CallLog {
  #call = 0
  #open = 0
  #toolCalls = 0
  #endings: Record<Ending, number> = { completed: 0, aborted: 0, faulted: 0, rejected: 0 }
  #kept: LoggedCall[] = []

  /** A new call; returns its number. */
  start(): number {
    this.#open++
    return ++this.#call
  }

  end(ending: Ending): void {
    this.#open--
    this.#endings[ending]++
  }

  toolsCalled(count: number): void {
    this.#toolCalls += count
  }

  keep(call: number, request: CompletionRequest, headers: Record<string, string | string[] | undefined>): void {
    const kept: Record<string, string> = {}
    for (const name of KEPT_HEADERS) {
      const value = headers[name]
      if (typeof value === 'string') kept[name] = value.slice(0, 500)
    }
    this.#kept.push({
      call,
      model: request.model,
      messages: request.messages
        .slice(-KEPT_MESSAGES)
        .map(({ role, content }) => ({ role, content: content.slice(0, KEPT_CONTENT_LENGTH) })),
      tools: request.tools.map((tool) => tool.name),
      stream: request.stream,
      headers: kept
    })
    if (this.#kept.length > KEPT_CALLS) this.#kept.shift()
  }

  /** The newest calls, oldest first. */
  get calls(): readonly LoggedCall[] {
    return this.#kept
  }

  get stats() {
    return { open: this.#open, started: this.#call, ...this.#endings, toolCalls: this.#toolCalls }
  }

  /** Begins to count from zero; calls that are open stay open. */
  reset(): void {
    this.#call = this.#open
    this.#toolCalls = 0
    this.#endings = { completed: 0, aborted: 0, faulted: 0, rejected: 0 }
    this.#kept = []
  }
}
