import { type ChatEventBody, LIMITS } from '@semibot/chat-protocol'
import fc from 'fast-check'
import t from 'tap'
import { Answer, AnswerFull } from '../../src/agent/answer.ts'
import { EVENT_OVERHEAD_BYTES, MAX_ANSWER_BYTES } from '../../src/constants/config.ts'
import { encodeEvent } from '../../src/engine/encode-event.ts'

function begin() {
  const events: ChatEventBody[] = []
  return { events, answer: new Answer('m1', (event) => events.push(event)) }
}

const deltasOf = (events: ChatEventBody[]) =>
  events.flatMap((event) => (event.type === 'message.delta' ? [event.delta] : []))

t.test('an answer', async (t) => {
  const { events, answer } = begin()
  answer.reason('hm')
  answer.write('Hello')
  answer.write(', world')
  answer.write('')
  answer.complete('stop')
  t.same(events, [
    { type: 'reasoning.delta', messageId: 'm1', delta: 'hm' },
    { type: 'message.started', messageId: 'm1' },
    { type: 'message.delta', messageId: 'm1', delta: 'Hello' },
    { type: 'message.delta', messageId: 'm1', delta: ', world' },
    { type: 'message.completed', messageId: 'm1', content: 'Hello, world', finishReason: 'stop' }
  ])
})

t.test('an answer without any text is still begun and completed', async (t) => {
  const { events, answer } = begin()
  answer.complete('stop')
  t.same(
    events.map(({ type }) => type),
    ['message.started', 'message.completed']
  )
})

t.test('the text of a later step begins a new paragraph', async (t) => {
  const { events, answer } = begin()
  answer.separate()
  answer.write('First.')
  answer.separate()
  answer.separate()
  answer.write('Second.\n')
  answer.separate()
  answer.write('Third.')
  answer.separate()
  answer.complete('stop')
  t.same(deltasOf(events), ['First.', '\n\nSecond.\n', 'Third.'])
})

t.test('however it is cut into pieces, the deltas are the content', async (t) => {
  const text = fc.string({ unit: 'binary', maxLength: 200 }).map((value) => value.repeat(300))
  const property = fc.property(fc.array(text, { maxLength: 3 }), (texts) => {
    const { events, answer } = begin()
    for (const part of texts) answer.write(part)
    const deltas = deltasOf(events)
    const whole = deltas.every(
      (delta) => delta.length <= 16_384 && delta.isWellFormed() === texts.join('').isWellFormed()
    )
    return whole && deltas.join('') === texts.join('') && answer.text === texts.join('')
  })
  fc.assert(property, { numRuns: 50 })
  t.pass('for 50 texts')
})

t.test('an answer ends before it no longer fits into one event', async (t) => {
  for (const [name, piece] of [
    ['plain text', 'word '],
    ['text that JSON makes longer', '"\n'],
    ['text that JSON makes six times as long', '\u0001'],
    ['Chinese', '中文'],
    ['long pieces', 'x'.repeat(2_000)]
  ] as const) {
    const { events, answer } = begin()
    t.throws(
      () => {
        for (;;) answer.write(piece.repeat(50))
      },
      AnswerFull,
      `${name}: it is refused`
    )
    answer.complete('length')
    const last = Buffer.byteLength(encodeEvent(events.at(-1)!, 999_999, Date.now()))
    t.ok(last <= LIMITS.eventBytes, `and the last event has ${last} bytes`)
    t.ok(last > MAX_ANSWER_BYTES - 100_000, 'of which most are used')
    t.equal(deltasOf(events).join(''), answer.text)
  }
})

t.test('an answer of very many pieces ends before the stream is too long for its reader', async (t) => {
  const { events, answer } = begin()
  t.throws(() => {
    for (;;) answer.reason('x')
  }, AnswerFull)
  let bytes = 0
  for (const [index, event] of events.entries()) bytes += Buffer.byteLength(encodeEvent(event, index + 1, Date.now()))
  t.ok(bytes <= LIMITS.streamBytes, `${events.length} pieces have ${bytes} bytes`)

  const messageId = '019ab000-0000-7000-8000-000000000001'
  for (const type of ['message.delta', 'reasoning.delta'] as const) {
    const frame = encodeEvent({ type, messageId, delta: '' }, 9_999_999, Date.now())
    t.ok(frame.length <= EVENT_OVERHEAD_BYTES, `${type} takes ${frame.length} bytes beside its text`)
  }
})
