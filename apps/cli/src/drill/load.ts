/** What became of the chats so far. */
export interface LoadCounts {
  sent: number
  /** By the mode that answered. */
  answered: Record<string, number>
  /** By status and error code, such as `503 OVERLOADED`; `no answer` where there was none. */
  failed: Record<string, number>
}

export interface Load {
  /** Sends no more and waits for those under way. */
  stop(): Promise<void>
}

export interface LoadOptions {
  apiUrl: string
  apiKey: string
  chatsPerSecond: number
  /** Text of every message. */
  message: string
  /** Counted up as chats end. */
  counts: LoadCounts
}

/** Before the first chat. */
export function emptyCounts(): LoadCounts {
  return { sent: 0, answered: {}, failed: {} }
}

/** Chats on top of these are not sent: a drill must not drown the machine that it runs on. */
const MAX_UNDER_WAY = 60
const TIMEOUT_MS = 60_000

/** Sends chats at a steady rate, whatever becomes of them, and counts how they end. */
export function startLoad({ apiUrl, apiKey, chatsPerSecond, message, counts }: LoadOptions): Load {
  const underWay = new Set<Promise<void>>()
  const body = JSON.stringify({ message, stream: false })
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }

  async function chat(): Promise<void> {
    counts.sent++
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const response = await fetch(`${apiUrl}/api/v1/chat`, { method: 'POST', headers, body, signal })
      const answer = (await response.json()) as { data?: { mode: string }; error?: { code: string } }
      if (answer.data !== undefined) add(counts.answered, answer.data.mode)
      else add(counts.failed, `${response.status} ${answer.error?.code}`)
    } catch {
      add(counts.failed, 'no answer')
    }
  }

  const timer = setInterval(() => {
    if (underWay.size >= MAX_UNDER_WAY) return
    const ended = chat()
    underWay.add(ended)
    void ended.then(() => underWay.delete(ended))
  }, 1000 / chatsPerSecond)

  return {
    stop: async () => {
      clearInterval(timer)
      await Promise.all(underWay)
    }
  }
}

/** All counts of one kind together. */
export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}
