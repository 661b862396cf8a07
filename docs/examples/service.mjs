// A service that asks on behalf of one of its users. Node 20 or newer, no packages.
//   node docs/examples/service.mjs <message> [session to go on with]
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

const { BASE_URL, API_KEY } = process.env
if (!BASE_URL || !API_KEY) {
  console.error('BASE_URL and API_KEY are not set: source .semibot/dev.env')
  process.exit(1)
}
const [message = 'Hello', sessionId] = process.argv.slice(2)
const TRIES = 5

// One key for all tries of one message: however often it is sent, it is answered once.
const idempotencyKey = randomUUID()

async function send() {
  try {
    const response = await fetch(`${BASE_URL}/api/v1/chat`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${API_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
        'x-user-id': 'user-42'
      },
      body: JSON.stringify({ message, stream: false, ...(sessionId ? { sessionId } : { agentId: 'assistant' }) }),
      // Longer than the longest answer (RUNTIME_EXECUTION_TIMEOUT_MS).
      signal: AbortSignal.timeout(310_000)
    })
    const body = await response.json().catch(() => ({}))
    if (response.ok) return { data: body.data }
    const { code = `HTTP_${response.status}`, message: text = 'the answer is not from the api' } = body.error ?? {}
    const temporary = response.status === 429 || response.status >= 500
    return {
      problem: `${code}: ${text}`,
      // What the api has tried in vain already says x-should-retry: false.
      again: temporary && response.headers.get('x-should-retry') !== 'false',
      waitSeconds: Number(response.headers.get('retry-after')) || undefined
    }
  } catch (error) {
    return { problem: `UNREACHABLE: ${error.cause?.message ?? error.message}`, again: true }
  }
}

for (let tries = 1; ; tries++) {
  const { data, problem, again, waitSeconds = tries } = await send()
  if (data) {
    console.log(`${data.message.content}\n(${data.mode}, ${data.latencyMs} ms, session ${data.sessionId})`)
    break
  }
  if (!again || tries === TRIES) {
    console.error(problem)
    process.exit(1)
  }
  console.error(`${problem}; again in ${waitSeconds} s`)
  await pause(waitSeconds * 1000)
}
