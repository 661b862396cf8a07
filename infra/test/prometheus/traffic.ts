import type { Stack } from '@semibot/stack'

/** A trickle of chats that goes on through an incident. */
export interface Traffic {
  /** Status of each answer so far, with the engine that gave it. */
  answers: readonly { status: number; mode: string | null }[]
  stop(): Promise<void>
}

/** Between two rounds; a round is three chats. */
const ROUND_MS = 400
/** Rounds under way; when the machine is busy, one is left out. */
const MAX_ROUNDS = 3

const TOOLS = { agentId: 'assistant', message: 'What is 17*23? [[sim:delay=5 gap=0]]' }
const PLAIN = { message: 'Hello [[sim:delay=5 gap=0]]' }

/** Chats of both organisations, with and without tools, until it is stopped. */
export function startTraffic(stack: Stack): Traffic {
  const answers: { status: number; mode: string | null }[] = []
  const underway = new Set<Promise<void>>()
  const round = async (): Promise<void> => {
    const calls = [
      chat(stack, stack.runtimeOrg.apiKey, TOOLS),
      chat(stack, stack.runtimeOrg.apiKey, PLAIN),
      chat(stack, stack.directOrg.apiKey, PLAIN)
    ]
    for (const answer of await Promise.all(calls)) answers.push(answer)
  }
  const timer = setInterval(() => {
    if (underway.size >= MAX_ROUNDS) return
    const run = round().finally(() => underway.delete(run))
    underway.add(run)
  }, ROUND_MS)
  return {
    answers,
    async stop() {
      clearInterval(timer)
      await Promise.all(underway)
    }
  }
}

async function chat(stack: Stack, apiKey: string, body: Record<string, unknown>) {
  try {
    const response = await fetch(`${stack.urls.api[0]}/api/v1/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: false }),
      signal: AbortSignal.timeout(30_000)
    })
    await response.arrayBuffer()
    return { status: response.status, mode: response.headers.get('x-semibot-execution-mode') }
  } catch {
    return { status: 0, mode: null }
  }
}
