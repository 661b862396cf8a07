import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import t from 'tap'
import { SSE_HEADERS, sseComment, sseEvent, sseRetry } from '../src/index.ts'

function parse(text: string) {
  const events: EventSourceMessage[] = []
  const comments: string[] = []
  const retries: number[] = []
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onComment: (comment) => comments.push(comment),
    onRetry: (retry) => retries.push(retry)
  })
  parser.feed(text)
  return { events, comments, retries }
}

t.test('any value written as an event is read back, whatever line breaks its texts have', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.option(fc.nat(), { nil: undefined }), (value, id) => {
      const { events } = parse(sseEvent('message.delta', JSON.stringify(value), id))
      const [event] = events
      return (
        events.length === 1 &&
        event!.event === 'message.delta' &&
        event!.id === (id === undefined ? undefined : String(id)) &&
        event!.data === JSON.stringify(value)
      )
    })
  )
  const { events } = parse(sseEvent('x', JSON.stringify({ text: 'a\r\nb\u2028c\rd\n\ndata: injected' })))
  t.equal(events.length, 1)
})

t.test('comments and retry lines are read as such', async (t) => {
  t.same(parse(sseComment('ping')), { events: [], comments: ['ping'], retries: [] })
  t.same(parse(sseRetry(1500)), { events: [], comments: [], retries: [1500] })
})

t.test('the headers forbid everything that would hold a stream back', async (t) => {
  t.match(SSE_HEADERS, {
    'content-type': /^text\/event-stream/,
    'cache-control': /no-transform/,
    'x-accel-buffering': 'no'
  })
})
