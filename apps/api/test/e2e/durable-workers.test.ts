import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType, textOf } from '../helpers/chat-client.ts'
import { startPair } from '../helpers/start-pair.ts'

const STEPS = 4
const CHATS = 4

t.test('behind one address a dead worker leaves its chats to the other one', async (t) => {
  const pair = await startPair(t, { runtimeEnv: { RUNTIME_WORKERS: '2' } })
  const { inRuntime, db } = pair
  const body = { agentId: 'assistant', message: `What is 17*23? [[sim:steps=${STEPS} delay=500]]` }
  const chats = await Promise.all(Array.from({ length: CHATS }, () => pair.stream(inRuntime, body)))
  await Promise.all(chats.map((chat) => chat.until(isType('tool.finished'))))

  const runs = () => db.selectFrom('durable_executions').select(['id', 'owner', 'epoch', 'status']).execute()
  const before = await waitFor(
    async () => {
      const found = await runs()
      return found.length === CHATS ? found : undefined
    },
    { what: 'every run in the journal' }
  )
  // The pid is the second last part of an owner's name.
  const victim = before[0]?.owner ?? ''
  process.kill(Number(victim.split('-').at(-2)), 'SIGKILL')
  for (const chat of chats) {
    const events = await chat.ended
    t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
    t.equal(events.filter(isType('tool.finished')).length, STEPS)
    t.match(textOf(events), /17\*23 = 391/)
    t.notOk(events.some(isType('execution.fallback')), 'nobody notices')
  }
  for (const { id, owner, epoch, status } of await runs()) {
    const had = before.find((run) => run.id === id)?.owner
    t.match({ status, epoch }, { status: 'completed', epoch: had === victim ? 2 : 1 })
    t.not(owner, victim)
  }
})
