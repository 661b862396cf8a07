import { type ChatEvent, type ChatEventBody, chatEventSchema } from '@semibot/chat-protocol'
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import t from 'tap'
import { agent2uiFace } from '../../src/faces/agent2ui.ts'
import { encodeNative, nativeFace } from '../../src/faces/native.ts'
import { startedEvent } from '../helpers/started-event.ts'

const context = { sessionId: 's', executionId: 'e', requestId: 'r' }

function frames(text: string) {
  const found: { event: string | undefined; id: string | undefined; data: unknown }[] = []
  const parser = createParser({
    onEvent: ({ event, id, data }) => void found.push({ event, id, data: JSON.parse(data) })
  })
  parser.feed(text)
  return found
}

function numbered(bodies: ChatEventBody[]): ChatEvent[] {
  return bodies.map((body, index) => ({ ...body, seq: index + 1, ts: 1_700_000_000_000 }))
}

const RUN = numbered([
  startedEvent(),
  { type: 'plan.updated', planId: 'p', steps: [{ id: '1', title: 'Add', status: 'running' }] },
  {
    type: 'tool.started',
    toolCallId: 'c',
    name: 'calculator',
    source: 'builtin',
    effect: 'none',
    input: { expression: '1+1' }
  },
  { type: 'tool.finished', toolCallId: 'c', status: 'ok', output: { result: 2 }, durationMs: 3 },
  { type: 'message.started', messageId: 'm' },
  { type: 'reasoning.delta', messageId: 'm', delta: 'hm' },
  { type: 'message.delta', messageId: 'm', delta: '二' },
  { type: 'message.completed', messageId: 'm', content: '二', finishReason: 'stop' },
  {
    type: 'execution.completed',
    finishReason: 'stop',
    usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
    mode: 'runtime_orchestrator',
    attempts: 1,
    latencyMs: 9
  }
])

t.test('the native face sends every event as it is', async (t) => {
  const encode = nativeFace.encoder(context)
  const sent = frames(nativeFace.opening + RUN.map(encode).join(''))
  t.same(
    sent.map((frame) => frame.data),
    RUN
  )
  t.same(
    sent.map((frame) => frame.id),
    RUN.map((event) => String(event.seq))
  )
  t.same(
    sent.map((frame) => frame.event),
    RUN.map((event) => event.type)
  )
})

t.test('no text breaks out of its native frame', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const event = { type: 'message.delta', messageId: 'm', delta: text, seq: 7, ts: 1 } as const
      const [frame, ...more] = frames(encodeNative(event))
      return (
        more.length === 0 &&
        frame?.id === '7' &&
        chatEventSchema.safeParse(frame.data).success &&
        (frame.data as typeof event).delta === text
      )
    })
  )
  const nasty = 'a\r\n\r\nevent: done\ndata: {}\u2028\u0000'
  t.same(frames(encodeNative({ type: 'message.delta', messageId: 'm', delta: nasty, seq: 1, ts: 1 })).length, 1)
})

t.test('the Agent2UI face sends what its clients know', async (t) => {
  const encode = agent2uiFace.encoder(context)
  const sent = frames(RUN.map(encode).join(''))
  t.match(sent, [
    { event: 'message', data: { type: 'plan', data: { currentStep: '1' } } },
    {
      event: 'message',
      data: { type: 'tool_call', data: { toolName: 'calculator', arguments: { expression: '1+1' }, status: 'calling' } }
    },
    {
      event: 'message',
      data: { type: 'tool_result', data: { toolName: 'calculator', result: { result: 2 }, status: 'success' } }
    },
    { event: 'message', data: { type: 'thinking', data: { content: 'hm' } } },
    { event: 'message', data: { type: 'text', data: { content: '二' }, timestamp: '2023-11-14T22:13:20.000Z' } },
    {
      event: 'done',
      data: {
        sessionId: 's',
        messageId: 'm',
        usage: { tokens: 3, latencyMs: 9 },
        executionMode: 'runtime_orchestrator'
      }
    }
  ])
  t.equal(sent.length, 6)
})

t.test('the Agent2UI face ends a failed chat with an error and a fallback under its new mode', async (t) => {
  const encode = agent2uiFace.encoder(context)
  const events = numbered([
    RUN[0] as ChatEventBody,
    {
      type: 'execution.fallback',
      from: 'runtime_orchestrator',
      to: 'direct_llm',
      reason: 'x',
      reasonCode: 'RUNTIME_UNAVAILABLE',
      attempt: 2,
      discardedMessageIds: [],
      discardedToolCallIds: []
    },
    {
      type: 'execution.failed',
      error: { code: 'LLM_UNAVAILABLE', message: 'the model cannot be reached', retryable: true }
    }
  ])
  t.same(frames(events.map(encode).join('')), [
    { event: 'error', id: undefined, data: { code: 'LLM_UNAVAILABLE', message: 'the model cannot be reached' } }
  ])
})
