import type { ChatEventBody } from '@semibot/chat-protocol'
import t from 'tap'
import { Answer } from '../../src/chat/answer.ts'

const delta = (text: string): ChatEventBody => ({ type: 'message.delta', messageId: 'm', delta: text })
const started: ChatEventBody = { type: 'message.started', messageId: 'm' }

function tool(toolCallId: string, effect: 'none' | 'unsafe'): ChatEventBody {
  return { type: 'tool.started', toolCallId, name: `tool-${toolCallId}`, source: 'builtin', effect, input: {} }
}

t.test('text becomes visible with the first delta that is not empty', async (t) => {
  const answer = new Answer()
  t.ok(answer.take(started))
  t.notOk(answer.textVisible)
  t.notOk(answer.take(delta('')), 'an empty delta is not passed on')
  t.equal(answer.firstTextAt, undefined)
  answer.take(delta('Hel'))
  answer.take(delta('lo'))
  t.equal(answer.text, 'Hello')
  t.ok(answer.firstTextAt)
})

t.test('a message starts once, and once more after it was taken back', async (t) => {
  const answer = new Answer()
  t.ok(answer.take(started))
  t.notOk(answer.take(started))
  answer.take(delta('half'))
  answer.retract()
  t.equal(answer.text, '')
  t.ok(answer.take(started))
})

t.test('knows which tools with effects have an open end', async (t) => {
  const answer = new Answer()
  answer.take(tool('1', 'none'))
  answer.take(tool('2', 'unsafe'))
  answer.take(tool('3', 'unsafe'))
  answer.take({ type: 'tool.finished', toolCallId: '3', status: 'ok', durationMs: 1 })
  t.same(answer.openUnsafeTools, [{ toolCallId: '2', name: 'tool-2' }])
  t.same(answer.openToolCallIds, ['1', '2'])
})

t.test('the completed message has the last word on the text', async (t) => {
  const answer = new Answer()
  answer.take(delta('a'))
  answer.take({ type: 'message.completed', messageId: 'm', content: 'abc', finishReason: 'stop' })
  t.equal(answer.text, 'abc')
})
