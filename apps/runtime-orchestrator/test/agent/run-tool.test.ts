import { LIMITS } from '@semibot/chat-protocol'
import t from 'tap'
import { z } from 'zod'
import { AnswerFull } from '../../src/agent/answer.ts'
import { Plan } from '../../src/agent/plan.ts'
import type { AgentParts } from '../../src/agent/run-agent.ts'
import { runTool } from '../../src/agent/run-tool.ts'
import { inlineSteps } from '../../src/agent/step.ts'
import { encodeEvent } from '../../src/engine/encode-event.ts'
import { defineTool } from '../../src/tools/tool.ts'
import { prepareAgent } from '../helpers/run-agent.ts'

const IGNORED = () => undefined

/** Calls a tool that gives `output` again and again; the loop is left out. */
function prepare(output: string) {
  const tool = defineTool({
    name: 'long',
    description: 'for tests',
    source: 'mcp',
    serverId: 'files',
    effect: 'none',
    timeoutMs: 5_000,
    maxOutputBytes: 128 * 1024,
    inputSchema: z.object({ text: z.string() }),
    execute: async () => output
  })
  const { run, events } = prepareAgent({ baseUrl: 'http://127.0.0.1:1/v1', message: 'Go', tools: [tool] })
  const parts = {
    tools: new Map([['long', tool]]),
    runStep: inlineSteps(run.signal),
    observer: {
      modelCallFinished: IGNORED,
      planStepFinished: IGNORED,
      toolCallStarted: IGNORED,
      toolCallFinished: IGNORED,
      toolCallStopped: IGNORED
    }
  } as unknown as AgentParts
  const progress = {
    plan: new Plan('plan', (event) => run.answer.tell(event)),
    usedIds: new Set<string>(),
    unknown: new Set<string>()
  }
  const call = (turn: number, text = '') =>
    runTool(
      run,
      parts,
      progress,
      { id: '', name: 'long', input: { text }, invalid: false },
      { turn, index: 0, step: undefined }
    )
  return { call, events, run }
}

const sizeOf = (event: Parameters<typeof encodeEvent>[0]) => Buffer.byteLength(encodeEvent(event, 999_999, Date.now()))

t.test('any output fits into an event, and the model still gets all of it', async (t) => {
  const outputs = {
    letters: 'x',
    'control characters': '\u0001',
    Chinese: '中',
    'half characters': '\ud83d',
    quotes: '"\\'
  }
  for (const [name, piece] of Object.entries(outputs)) {
    const { call, events } = prepare(piece.repeat(128 * 1024))
    const result = await call(0)
    t.ok(Buffer.byteLength(result.text) > 128 * 1024 - 4, `${name}: the whole output is the result`)
    const bytes = sizeOf(events.at(-1)!)
    t.ok(bytes <= LIMITS.eventBytes, `and its event has ${bytes} bytes`)
    t.match(events.at(-1), { type: 'tool.finished', status: 'ok', truncated: true })
  }
  const { call, events } = prepare('short')
  await call(0)
  t.match(events, [{ type: 'tool.started', source: 'mcp', serverId: 'files' }, { output: 'short' }])
  t.notOk('truncated' in events[1]!)
})

t.test('any number of calls fits into a stream, or ends it in good order', async (t) => {
  const { call, events, run } = prepare('\u0001'.repeat(100_000))
  let calls = 0
  try {
    for (; ; calls++) await call(calls, 'y'.repeat(20_000))
  } catch (error) {
    t.type(error, AnswerFull)
  }
  run.answer.complete('length')
  const bytes = events.reduce((sum, event) => sum + sizeOf(event), 0)
  t.ok(bytes <= LIMITS.streamBytes, `${calls} calls take ${bytes} bytes`)
  t.ok(calls > 100, 'later ones are told in short')
})
