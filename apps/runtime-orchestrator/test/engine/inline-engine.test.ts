import type { ChatEventBody, ExecuteRequest } from '@semibot/chat-protocol'
import t from 'tap'
import type { Runner } from '../../src/agent/run-context.ts'
import { InlineEngine } from '../../src/engine/inline-engine.ts'
import { MemoryEventLog } from '../../src/engine/memory-event-log.ts'
import { streamEvents } from '../../src/engine/stream-events.ts'
import { makeRequest } from '../helpers/execute.ts'
import { createSink } from '../helpers/sink.ts'

const LOG = { executionBytes: 1_000_000, executionFrames: 100, processBytes: 10_000_000, keepMs: 600_000 }
const CALL = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  requestId: 'r',
  attempt: 1,
  budgetMs: 60_000
}
const FOREVER: Runner = () => new Promise(() => undefined)

function begin(run: Runner) {
  const seen: string[] = []
  const log = new MemoryEventLog({ ...LOG, onDropped: (id) => engine.forget(id) })
  const observer = {
    started: () => seen.push('started'),
    ended: (_request: ExecuteRequest, _call: object, outcome: { status: string; unexpected?: unknown }) =>
      seen.push(outcome.status, ...(outcome.unexpected === undefined ? [] : ['unexpected']))
  }
  const limits = { maxSteps: 1, maxToolCalls: 1, maxTokens: 100, maxCostUsd: undefined, prices: [] }
  const engine = new InlineEngine({ instance: 'i', log, limits, run, observer })
  const sink = createSink()
  const start = (request: ExecuteRequest, budgetMs = CALL.budgetMs) => {
    const execution = engine.start(request, { ...CALL, budgetMs })
    streamEvents(execution.events, sink, 0)
    return { execution, leave: execution.attend(sink) }
  }
  return { engine, sink, seen, start, log }
}

function eventsIn(frames: string): ChatEventBody[] {
  return [...frames.matchAll(/^data: (.+)$/gm)].map(([, json]) => JSON.parse(json!) as ChatEventBody)
}

t.test('the first event is there before any work begins', async (t) => {
  let begun = false
  const { start, sink } = begin(async () => {
    begun = true
    return 'stop'
  })
  const { execution } = start(makeRequest('Hi'))
  t.same([begun, sink.ids], [false, [1]])
  t.match(await execution.ended, { status: 'completed', finishReason: 'stop' })
  t.equal(begun, true)
})

t.test('a defect ends the execution as the runtime’s own, without its text', async (t) => {
  const { start, sink, seen } = begin(async () => {
    throw new TypeError('some detail of the inside')
  })
  const { execution } = start(makeRequest('Hi'))
  t.match(await execution.ended, { status: 'failed', error: { code: 'RUNTIME_INTERNAL', origin: 'runtime' } })
  t.match(eventsIn(sink.frames).at(-1), {
    type: 'execution.failed',
    error: { code: 'RUNTIME_INTERNAL', message: 'The runtime failed unexpectedly.', requestId: 'r' }
  })
  t.notMatch(sink.frames, /detail of the inside/)
  t.same(seen, ['started', 'failed', 'unexpected'], 'and is reported as unexpected')
})

t.test('work that does not listen is left behind at the deadline, and what it still writes is dropped', async (t) => {
  let write = () => {}
  const { start, sink } = begin((run) => {
    write = () => run.answer.write('late')
    return FOREVER(run)
  })
  const { execution } = start(makeRequest('Hi'), 20)
  t.match(await execution.ended, { status: 'failed', error: { code: 'DEADLINE_EXCEEDED', origin: 'runtime' } })
  const before = sink.frames
  write()
  t.equal(sink.frames, before)
})

t.test('a deadline that comes because nobody reads is not the runtime’s fault', async (t) => {
  const { start, sink } = begin(FOREVER)
  sink.congested = true
  const { execution } = start(makeRequest('Hi'), 20)
  t.match(await execution.ended, { error: { code: 'DEADLINE_EXCEEDED', origin: 'client' } })
})

t.test('what is stopped stays as it ended', async (t) => {
  const { engine, start } = begin(FOREVER)
  const request = makeRequest('Hi')
  const { execution } = start(request)
  engine.interrupt(request.executionId, 'shutdown')
  t.match(await execution.ended, { status: 'interrupted', finishReason: null, error: null })
  t.equal(await engine.cancel(request.executionId, 'user'), true)
  t.match(engine.status(request.executionId), { status: 'interrupted' })
})

t.test('nothing is known of an execution that was never begun, or was forgotten', async (t) => {
  const { engine, log, start } = begin(async () => 'stop')
  const request = makeRequest('Hi')
  const { executionId } = request
  const nothing = async () => [
    engine.find(request, 1),
    engine.status(executionId),
    engine.stream(executionId),
    await engine.cancel(executionId, 'user')
  ]
  t.same(await nothing(), [undefined, undefined, undefined, false])
  engine.interrupt(executionId, 'shutdown')

  await start(request).execution.ended
  t.equal(engine.status(executionId)?.status, 'completed')
  log.open(executionId).append({ type: 'execution.cancelled', reason: 'user' })
  engine.forget(executionId)
  t.same(await nothing(), [undefined, undefined, undefined, false])
})
