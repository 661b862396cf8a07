import t from 'tap'
import {
  type ChatExecution,
  type ExecutionContext,
  ExecutionError,
  type ExecutionOutcome
} from '../../src/adapters/chat-executor.ts'
import { mayResume, resumeElsewhere } from '../../src/adapters/resume-elsewhere.ts'
import { RuntimeInterrupted, TextNotTakenBack } from '../../src/adapters/runtime-errors.ts'

const OUTCOME: ExecutionOutcome = { finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }
const GONE = new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', 'gone')
const STALLED = new ExecutionError('RUNTIME_STALLED', 'runtime', 'silent')
const FULL = new ExecutionError('RUNTIME_OVERLOADED', 'runtime', 'full')
const BROKEN = new ExecutionError('RUNTIME_INTERNAL', 'runtime', 'broken')
const MODEL = new ExecutionError('LLM_UNAVAILABLE', 'llm', 'no model')

const withTools = { agent: { tools: ['calculator'] } } as ChatExecution
const plain = { agent: { tools: [] as string[] } } as ChatExecution

t.test('what may go on elsewhere is what was lost with its instance', (t) => {
  const cases: [unknown, boolean, boolean][] = [
    [GONE, true, false],
    [STALLED, true, false],
    [new RuntimeInterrupted(), true, true],
    [new TextNotTakenBack(), false, false],
    [FULL, false, false],
    [BROKEN, false, false],
    [MODEL, false, false],
    [new Error('odd'), false, false]
  ]
  for (const [error, tools, none] of cases) {
    t.equal(mayResume(error, withTools), tools, `${error} with tools`)
    t.equal(mayResume(error, plain), none, `${error} without tools`)
  }
  t.end()
})

/** Goes on by a script: what each call of an instance comes to, and whether it had accepted. */
function play(
  script: (ExecutionOutcome | { error: unknown; accepted?: boolean })[],
  options: { others?: (exclude: string) => string | null; execution?: ChatExecution; remainingMs?: number } = {}
) {
  const calls: string[] = []
  const stop = new AbortController()
  const context = {
    signal: stop.signal,
    startedAt: performance.now(),
    remainingMs: options.remainingMs ?? 60_000
  } as ExecutionContext
  const end = resumeElsewhere(
    {
      pick: options.others ?? ((exclude) => (exclude === 'b' ? 'a' : 'b')),
      call: async (instance, onAccepted) => {
        calls.push(instance)
        const next = script.shift()
        if (next === undefined) throw new Error('called too often')
        if ('finishReason' in next) return next
        if (next.accepted) onAccepted()
        throw next.error
      }
    },
    options.execution ?? withTools,
    context,
    { instance: 'a', error: GONE }
  )
  return { calls, stop, end }
}

t.test('the other instance goes on', async (t) => {
  const { calls, end } = play([OUTCOME])
  t.equal(await end, OUTCOME)
  t.same(calls, ['b'])
})

t.test('when that one is lost too the first may be back, but not for ever', async (t) => {
  const lost = { error: STALLED, accepted: true }
  const back = play([lost, OUTCOME])
  t.equal(await back.end, OUTCOME)
  t.same(back.calls, ['b', 'a'])
  const never = play([lost, lost, lost, OUTCOME])
  await t.rejects(never.end, STALLED)
  t.same(never.calls, ['b', 'a', 'b'])
})

t.test('an instance that is full, or not there yet, is asked once more', async (t) => {
  const { calls, end } = play([{ error: FULL }, OUTCOME], { others: (exclude) => (exclude === '' ? 'b' : null) })
  t.equal(await end, OUTCOME)
  t.same(calls, ['b', 'b'], 'behind one address there may be several processes')
})

t.test('a crowd before the only place left is waited out, within bounds, and what is told is the loss', async (t) => {
  const full = (count: number) => Array.from({ length: count }, () => ({ error: FULL }))
  const waiting = play([...full(4), OUTCOME])
  t.equal(await waiting.end, OUTCOME)
  t.same(waiting.calls, ['b', 'a', 'b', 'a', 'b'])
  const crowded = play(full(100))
  await t.rejects(crowded.end, GONE)
  t.ok(crowded.calls.length < 10, 'few tries, further and further apart')
  const short = play(full(100), { execution: plain })
  await t.rejects(short.end, GONE)
  t.equal(short.calls.length, 3, 'direct_llm answers as well')
})

t.test('a fault of the model or of the run itself ends it', async (t) => {
  for (const error of [MODEL, BROKEN]) {
    for (const accepted of [true, false]) {
      const { calls, end } = play([{ error, accepted }, OUTCOME])
      await t.rejects(end, error)
      t.same(calls, ['b'])
    }
  }
})

t.test('without tools, without time, or called off, nobody is waited for', async (t) => {
  const nobody = { others: () => null }
  await t.rejects(play([], { ...nobody, execution: plain }).end, GONE)
  await t.rejects(play([OUTCOME], { remainingMs: 1000 }).end, GONE)
  const waiting = play([], nobody)
  waiting.stop.abort(new Error('cancelled'))
  await t.rejects(waiting.end, { message: 'cancelled' })
})

t.test('when no instance comes back in time, the fault is told', async (t) => {
  await t.rejects(play([], { others: () => null }).end, GONE)
})
