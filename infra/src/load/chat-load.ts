import { setTimeout as delay } from 'node:timers/promises'

/** Any will do. */
const MESSAGE = 'Which release answers this chat?'
/** Longest chat; a longer one has failed. */
const LIMIT_MS = 60_000

export interface ChatLoadOptions {
  /** Where chats go; the load balancer where there is one. */
  baseUrl: string
  apiKey: string
  /** Chats at the same time. */
  concurrency: number
  /** Pause of each of them between its chats, milliseconds. Default 0. */
  pauseMs?: number
}

export interface ChatLoadSummary {
  completed: number
  /** One sentence for each chat that did not end as it should. */
  failures: string[]
  /** Completed chats by who answered: runtime_orchestrator, direct_llm, or direct_llm in place of the runtime. */
  modes: Record<string, number>
}

/** Chats that go on until they are told to stop. */
export interface ChatLoad {
  readonly summary: ChatLoadSummary
  /** Resolves when the chats under way have ended. */
  stop(): Promise<ChatLoadSummary>
}

/**
 * Keeps streaming chats under way over connections that are used again. A chat counts as completed when its stream
 * answers 200, gives text and ends with `execution.completed`; everything else is a failure. Nothing is tried twice.
 */
export function startChatLoad({ baseUrl, apiKey, concurrency, pauseMs = 0 }: ChatLoadOptions): ChatLoad {
  const summary: ChatLoadSummary = { completed: 0, failures: [], modes: {} }
  let stopping = false
  const clients = Array.from({ length: concurrency }, async () => {
    while (!stopping) {
      try {
        const mode = await chat(baseUrl, apiKey)
        summary.completed++
        summary.modes[mode] = (summary.modes[mode] ?? 0) + 1
      } catch (error) {
        const { message, cause } = error as Error
        summary.failures.push(cause instanceof Error ? `${message}: ${cause.message}` : message)
      }
      await delay(pauseMs)
    }
  })
  return {
    summary,
    async stop() {
      stopping = true
      await Promise.all(clients)
      return summary
    }
  }
}

/** One streaming chat; resolves with who answered. Throws when it did not end with `execution.completed`. */
export async function chat(baseUrl: string, apiKey: string, message = MESSAGE): Promise<string> {
  const response = await fetch(`${baseUrl}/api/v1/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ message, stream: true }),
    signal: AbortSignal.timeout(LIMIT_MS)
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`)
  const types = [...text.matchAll(/^data: \{.*?"type":"(?<type>[a-z._]+)"/gm)].map(({ groups }) => groups?.type)
  if (types.at(-1) !== 'execution.completed') throw new Error(`the stream ended with ${text.slice(-300)}`)
  if (!types.includes('message.delta')) throw new Error('the answer has no text')
  const mode = response.headers.get('x-semibot-execution-mode') ?? 'unknown'
  return types.includes('execution.fallback') ? `${mode}, after a failover` : mode
}
