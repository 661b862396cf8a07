import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import t from 'tap'
import { Digest } from '../../src/engine/digest.ts'

const STARTED: ChatEventBody = {
  type: 'execution.started',
  executionId: 'e',
  sessionId: 's',
  messageId: 'm',
  mode: 'runtime_orchestrator',
  attempt: 1,
  model: 'x'
}
const REASONING: ChatEventBody = { type: 'reasoning.delta', messageId: 'm', delta: 'hm' }
const TEXT: ChatEventBody = { type: 'message.delta', messageId: 'm', delta: 'x' }

function tool(toolCallId: string): ChatEventBody[] {
  return [
    { type: 'tool.started', toolCallId, name: 'x', source: 'builtin', effect: 'unsafe', input: {} },
    { type: 'tool.finished', toolCallId, status: 'ok', output: 'y', durationMs: 1 }
  ]
}

function usage(outputTokens: number): ChatEventBody {
  return { type: 'usage.updated', inputTokens: 0, outputTokens, totalTokens: outputTokens }
}

function digestOf(bodies: readonly ChatEventBody[], text: string): ChatEvent[] {
  const digest = new Digest()
  for (const [index, body] of bodies.entries()) digest.note(body, index + 1)
  const data = digest
    .frames(text)
    .join('')
    .matchAll(/^data: (.+)$/gm)
  return [...data].map(([, json]) => JSON.parse(json!) as ChatEvent)
}

t.test('it has the text, every tool call and the last plan and usage, under their own numbers', async (t) => {
  const plan = (planId: string): ChatEventBody => ({ type: 'plan.updated', planId, steps: [] })
  const step: ChatEventBody = { type: 'step.updated', stepId: '1', status: 'running' }
  const told = [
    STARTED,
    plan('a'),
    step,
    ...tool('1'),
    usage(1),
    TEXT,
    plan('b'),
    step,
    tool('2')[0]!,
    TEXT,
    usage(2),
    REASONING
  ]
  const digest = digestOf(told, 'xx')
  t.same(
    digest.map(({ seq }) => seq),
    [1, 4, 5, 8, 9, 10, 12]
  )
  t.match(digest[0], { ...STARTED, resumed: { text: 'xx' } })
  for (const { ts, seq, ...body } of digest.slice(1)) t.same(body, told[seq - 1], `event ${seq} is as it was`)
})

t.test('before the first event there is none', async (t) => {
  t.same(digestOf([], ''), [])
})
