import fc from 'fast-check'
import t from 'tap'
import type { ServerSentEvent } from '../src/event-stream.ts'
import { collect } from './fixtures/collect.ts'
import { chunkedHead, chunks, scriptedServer } from './fixtures/scripted-server.ts'

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let from = 0
  for (const place of [...places].sort((a, b) => a - b)) {
    pieces.push(bytes.subarray(from, place))
    from = place
  }
  pieces.push(bytes.subarray(from))
  return pieces
}

function write(event: ServerSentEvent, lineEnd: string): string {
  const lines = [
    ...(event.id === undefined ? [] : [`id: ${event.id}`]),
    ...(event.event === 'message' ? [] : [`event: ${event.event}`]),
    ...event.data.split('\n').map((line) => `data: ${line}`),
    '',
    ''
  ]
  return lines.join(lineEnd)
}

t.test('sends the request as it was given and hands out events with name, data and id', async (t) => {
  let seen = { head: '', body: '' }
  const server = await scriptedServer(t, (socket, request) => {
    seen = request
    socket.write(chunkedHead({ 'x-answer': 'yes' }))
    socket.write(chunks([': hello\n\n', 'data: one\n\n', 'id: 7\nevent: named\ndata: two\ndata: three\n\n']))
  })
  const headers = { 'content-type': 'application/json', 'x-question': '1' }
  const result = await collect(server, { path: '/a?b=c', headers, body: '{"é":1}' })

  t.match(seen.head, /^POST \/a\?b=c HTTP\/1\.1\r\n/)
  t.match(seen.head, /x-question: 1/)
  t.equal(seen.body, '{"é":1}')
  t.equal(result.error, undefined)
  t.equal(result.status, 200)
  t.equal(result.headers['x-answer'], 'yes')
  t.same(result.events, [
    { event: 'message', data: 'one' },
    { event: 'named', data: 'two\nthree', id: '7' }
  ])
  t.same(result.comments, ['hello'])
  t.equal(result.activity, 3)
})

t.test('GET sends no body', async (t) => {
  let head = ''
  const server = await scriptedServer(t, (socket, request) => {
    head = request.head
    socket.write(chunkedHead())
    socket.write(chunks(['data: x\n\n']))
  })
  await collect(server, { method: 'GET' })
  t.match(head, /^GET /)
  t.notMatch(head, /content-length/i)
})

t.test('a stream cut at any byte gives the same events', async (t) => {
  const events: ServerSentEvent[] = [
    { event: 'message', data: '{"text":"héllo 你好 😀"}', id: '1' },
    { event: 'delta', data: 'two\nlines' },
    { event: 'message', data: '' }
  ]
  for (const lineEnd of ['\n', '\r\n']) {
    const bytes = Buffer.from(`: ping${lineEnd}${lineEnd}${events.map((event) => write(event, lineEnd)).join('')}`)
    let pieces: Buffer[] = []
    const server = await scriptedServer(t, (socket) => {
      socket.write(chunkedHead())
      socket.write(chunks(pieces))
    })
    let wrong = 0
    for (let place = 1; place < bytes.length; place++) {
      pieces = cut(bytes, [place])
      const { events: found, error } = await collect(server)
      if (error !== undefined || JSON.stringify(found) !== JSON.stringify(inOrder(events))) wrong++
    }
    t.equal(wrong, 0, `${bytes.length - 1} places with ${JSON.stringify(lineEnd)}`)

    pieces = [...bytes].map((byte) => Buffer.from([byte]))
    t.same((await collect(server)).events, events, 'every byte alone')
  }
})

/** The keys in the order in which `collect` writes them. */
function inOrder(events: ServerSentEvent[]): ServerSentEvent[] {
  return events.map(({ event, data, id }) => (id === undefined ? { event, data } : { event, data, id }))
}

t.test('any events, line ends and cuts give back the events', async (t) => {
  let pieces: Buffer[] = []
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(pieces))
  })
  const line = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\r\n\0]/.test(text))
  const event = fc.record(
    {
      event: fc.constantFrom('message', 'message.delta', 'x'),
      data: fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n')),
      id: fc.option(line, { nil: undefined })
    },
    { noNullPrototype: true }
  )
  const stream = fc.record({
    events: fc.array(event, { maxLength: 5 }),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    places: fc.array(fc.nat(1000), { maxLength: 12 })
  })
  await fc.assert(
    fc.asyncProperty(stream, async ({ events, lineEnd, places }) => {
      const bytes = Buffer.from(events.map((one) => write(one as ServerSentEvent, lineEnd)).join(''))
      pieces = cut(
        bytes,
        places.map((place) => place % (bytes.length + 1))
      )
      const result = await collect(server)
      if (result.error !== undefined) throw result.error
      const expected = inOrder(events as ServerSentEvent[])
      return JSON.stringify(result.events) === JSON.stringify(expected)
    }),
    { numRuns: 300 }
  )
  t.ok(server.open <= 2, 'on connections that were kept alive')
})

t.test('an event that is not finished when the stream ends is dropped, and the end is clean', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(['data: whole\n\n', 'data: half']))
  })
  const { events, error } = await collect(server)
  t.same(events, [{ event: 'message', data: 'whole' }])
  t.equal(error, undefined)
})

t.test('an answer without a length that just stops looks like a clean end', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: x\n\n')
  })
  const { events, error } = await collect(server)
  t.equal(error, undefined)
  t.equal(events.length, 1)
})

t.test('interim answers are passed over', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write('HTTP/1.1 102 Processing\r\n\r\n')
    socket.write(chunkedHead())
    socket.write(chunks(['data: x\n\n']))
  })
  const { status, events } = await collect(server)
  t.equal(status, 200)
  t.equal(events.length, 1)
})
