import type { ChatEventBody } from '@semibot/chat-protocol'
import t from 'tap'
import { condenseReplay } from '../../src/engine/replay.ts'

const tool = (type: 'tool.started' | 'tool.finished', toolCallId: string) => ({ type, toolCallId }) as ChatEventBody
const plan = (planId: string) => ({ type: 'plan.updated', planId, steps: [] }) as ChatEventBody
const step = (stepId: string) => ({ type: 'step.updated', stepId, status: 'completed' }) as ChatEventBody
const usage = (totalTokens: number) => ({ type: 'usage.updated', totalTokens }) as ChatEventBody
const text = { type: 'message.delta', messageId: 'm', delta: 'a' } as ChatEventBody

t.test('of a replay every tool is told, and of plan and usage the last state; the text goes beside it', (t) => {
  const told = condenseReplay([
    { type: 'message.started', messageId: 'm' },
    text,
    usage(1),
    plan('1'),
    tool('tool.started', 'a'),
    tool('tool.finished', 'a'),
    step('1'),
    usage(2),
    plan('2'),
    tool('tool.started', 'b'),
    step('2')
  ])
  t.same(told, [
    tool('tool.started', 'a'),
    tool('tool.finished', 'a'),
    usage(2),
    plan('2'),
    tool('tool.started', 'b'),
    step('2')
  ])
  t.same(condenseReplay([]), [])
  t.end()
})
