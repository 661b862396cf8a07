import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import t from 'tap'
import { DeltaReader, isPlainJson, writeDelta } from '../src/index.ts'

const MESSAGE = '0198c0de-0000-7000-8000-000000000001'
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u0000', '\u007f', '\u2028', '","seq":1', 'a', '你') })
)

/** The events of a text, as a client reads them. */
function read(text: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(text)
  return events
}

t.test('any text is one event that JSON reads back', async (t) => {
  let runs = 0
  fc.assert(
    fc.property(anyText, fc.nat(), fc.nat({ max: 2 ** 45 }), (delta, seq, ts) => {
      const events = read(writeDelta(MESSAGE, delta, seq, ts))
      const expected = { type: 'message.delta', messageId: MESSAGE, delta, seq, ts }
      runs++
      return (
        events.length === 1 &&
        events[0]!.id === String(seq) &&
        events[0]!.event === 'message.delta' &&
        JSON.stringify(JSON.parse(events[0]!.data)) === JSON.stringify(expected)
      )
    })
  )
  t.equal(runs, 100)
})

t.test('what is read of it is the text, or left to JSON.parse', async (t) => {
  const reader = new DeltaReader(MESSAGE)
  let known = 0
  fc.assert(
    fc.property(anyText, fc.nat(), fc.nat({ max: 2 ** 45 }), (delta, seq, ts) => {
      const text = reader.textOf(read(writeDelta(MESSAGE, delta, seq, ts))[0]!.data)
      if (text !== undefined) known++
      return text === undefined ? !isPlainJson(delta) : text === delta
    }),
    { numRuns: 500 }
  )
  t.ok(known > 100, `${known} of 500 without JSON.parse`)
})

t.test('everything else is left to JSON.parse', async (t) => {
  const reader = new DeltaReader(MESSAGE)
  const data = (text: string) => `{"type":"message.delta","messageId":"${MESSAGE}","delta":"${text}","seq":1,"ts":2}`
  t.equal(reader.textOf(data('hi')), 'hi')
  for (const other of [
    '',
    '{}',
    data('hi').slice(0, -1),
    `${data('hi')} `,
    data('hi').replace('"ts":2', '"ts":2,"more":1'),
    data('hi').replace('"ts":2', '"ts":-2'),
    data('hi').replace(MESSAGE, MESSAGE.replace('1', '2')),
    data('say \\"hi\\"'),
    data('hi').replace('message.delta', 'reasoning.delta')
  ]) {
    t.equal(reader.textOf(other), undefined, other)
  }
})
