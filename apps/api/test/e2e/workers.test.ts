import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { type ChatStream, isType, textOf } from '../helpers/chat-client.ts'
import { startPair } from '../helpers/start-pair.ts'

const WORKERS = 3
const WAIT = { timeoutMs: 40_000 }

t.test('a worker that dies takes no chat with tools along: another one at the same address goes on', async (t) => {
  const { stream, inRuntime, runtimes, api } = await startPair(t, { runtimeEnv: { RUNTIME_WORKERS: String(WORKERS) } })
  const runtime = runtimes[0]!
  await waitFor(
    async () => (await (await fetch(`${runtime.baseUrl}/metrics`)).text()).includes(`\nruntime_workers ${WORKERS}\n`),
    { ...WAIT, what: 'all workers' }
  )
  /** Processes that have had the execution of a chat, in order. */
  const pidsOf = (chat: ChatStream): number[] => {
    const id = chat.headers.get('x-execution-id')
    const lines = runtime.lines.filter(
      (line) => line.includes('[Runtime] execution started') && line.includes(String(id))
    )
    return lines.map((line) => (JSON.parse(line) as { pid: number }).pid)
  }
  const message = 'What time is it? [[sim:steps=6 talk=5 gap=40]][[sim:call=current_time {}]]'
  const chats = await Promise.all(Array.from({ length: 4 }, () => stream(inRuntime, { agentId: 'assistant', message })))
  for (const chat of chats) {
    await waitFor(() => chat.events.filter(isType('tool.finished')).length >= 2, { ...WAIT, what: 'two tool calls' })
  }
  const victim = pidsOf(chats[0]!)[0]!
  t.not(victim, runtime.pid, 'a worker and not the launcher')
  process.kill(victim, 'SIGKILL')
  for (const chat of chats) {
    const events = await chat.ended
    t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
    t.equal(events.filter(isType('execution.started')).length, 1)
    t.strictSame(
      events.map(({ seq }) => seq),
      events.map((_, place) => place + 1)
    )
    t.match(events.findLast(isType('message.completed')), { content: textOf(events) }, 'the text adds up')
    const pids = pidsOf(chat)
    if (pids[0] === victim)
      t.ok(pids.length > 1 && pids.at(-1) !== victim, `went on elsewhere: ${pids.join(', then ')}`)
    else t.equal(pids.length, 1, 'the chats of other workers have not noticed')
  }
  t.notOk(
    api.lines.some((line) => line.includes('触发自动回退')),
    'and nothing falls back'
  )
})
