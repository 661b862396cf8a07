import { getEventListeners, once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { openEventStream } from '../src/event-stream.ts'
import { collect } from './fixtures/collect.ts'
import { chunkedHead, chunks, scriptedServer } from './fixtures/scripted-server.ts'

/** A consumer that can be full. */
class Flow {
  congested = false
  waiting: (() => void)[] = []

  onDrained(callback: () => void): void {
    this.waiting.push(callback)
  }

  drain(): void {
    this.congested = false
    for (const callback of this.waiting.splice(0)) callback()
  }
}

t.test('aborted before it was sent, nothing is sent', async (t) => {
  let requests = 0
  const server = await scriptedServer(t, () => requests++)
  const reason = new Error('changed my mind')
  const { error } = await collect(server, { signal: AbortSignal.abort(reason) })
  t.match(error, { kind: 'aborted', cause: reason })
  t.equal(requests, 0)
  t.equal(server.open, 0)
})

t.test('aborted while the connection is made, it rejects at once', async (t) => {
  const server = await scriptedServer(t, () => {})
  const controller = new AbortController()
  const result = collect(server, { signal: controller.signal })
  controller.abort(new Error('now'))
  t.match((await result).error, { kind: 'aborted', cause: { message: 'now' } })
  t.equal(getEventListeners(controller.signal, 'abort').length, 0)
})

t.test('aborted before the head, and in the middle of the body, the socket closes', async (t) => {
  let arrived: (socket: Socket) => void = () => {}
  let write = ''
  const server = await scriptedServer(t, (socket) => {
    socket.write(write)
    arrived(socket)
  })
  for (const bytes of ['', chunkedHead(), `${chunkedHead()}${chunks(['data: x\n\n'], false).toString()}`]) {
    write = bytes
    const controller = new AbortController()
    const atServer = new Promise<Socket>((resolve) => {
      arrived = resolve
    })
    let heard = 0
    const opened = Promise.withResolvers<void>()
    const result = collect(
      server,
      { signal: controller.signal },
      {
        onOpen: () => {
          if (!bytes.includes('data')) opened.resolve()
        },
        onEvent: () => {
          heard++
          opened.resolve()
        }
      }
    )
    const socket = await atServer
    if (bytes !== '') await opened.promise
    const closed = once(socket, 'close')
    controller.abort(new Error('enough'))
    const before = heard
    t.match((await result).error, { kind: 'aborted', cause: { message: 'enough' } })
    await closed
    t.equal(heard, before, 'no handler is called any more')
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)
  }
})

t.test('an abort from inside a handler holds back the other events of the same bytes', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(['data: 1\n\ndata: 2\n\n: ping\n\ndata: 3\n\n']))
  })
  const controller = new AbortController()
  const seen: string[] = []
  const { error } = await collect(
    server,
    { signal: controller.signal },
    {
      onEvent: ({ data }) => {
        seen.push(data)
        if (data === '2') controller.abort()
      },
      onComment: (text) => seen.push(text)
    }
  )
  t.equal(error?.kind, 'aborted')
  t.same(seen, ['1', '2'])
})

t.test('a handler that throws ends the stream with what it threw', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks([': c\n\n', 'data: 1\n\n', 'data: 2\n\n'], false))
  })
  const thrown = new TypeError('handler')
  const fail = () => {
    throw thrown
  }
  for (const name of ['onOpen', 'onActivity', 'onEvent', 'onComment'] as const) {
    const signal = new AbortController().signal
    const { error } = await collect(server, { signal }, { [name]: fail })
    t.equal(error, thrown as unknown, name)
    t.equal(getEventListeners(signal, 'abort').length, 0)
  }
})

t.test('a thousand streams on one signal leave no listener behind', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(['data: x\n\n']))
  })
  const { signal } = new AbortController()
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 50 }, () => collect(server, { signal })))
  }
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('a congested consumer stops the socket from being read until it has drained', async (t) => {
  const flow = new Flow()
  const piece = chunks([`data: ${'x'.repeat(8 * 1024)}\n\n`], false)
  const total = 64 * 1024 * 1024
  let written = 0
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    const more = () => {
      while (written < total) {
        written += piece.length
        if (!socket.write(piece)) {
          socket.once('drain', more)
          return
        }
      }
      socket.write('0\r\n\r\n')
    }
    more()
  })

  let events = 0
  let bytes = 0
  const congestedAt = 10
  const result = openEventStream(
    {
      dispatcher: server.agent,
      origin: server.origin,
      path: '/',
      headers: {},
      signal: new AbortController().signal,
      flow,
      maxStreamBytes: 2 * total
    },
    {
      onEvent: ({ data }) => {
        events++
        bytes += data.length
        if (events === congestedAt) flow.congested = true
      }
    }
  )
  // All buffers on the way are full once the server can write no more.
  for (let last = -1; flow.waiting.length === 0 || last !== written; ) {
    last = written
    await pause(50)
  }
  t.equal(flow.waiting.length, 1, 'it asked once to be called back')
  const heard = events
  t.ok(heard < congestedAt + 20, `${heard} events were handed out`)
  t.ok(written < total / 2, `the server could write ${written} of ${total} bytes`)

  flow.drain()
  await result
  t.equal(bytes, Math.ceil(total / piece.length) * 8 * 1024, 'nothing was lost')
})

t.test('a drain that is called back at once does not disturb the parser', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(Array.from({ length: 200 }, (_, index) => `data: ${index}\n\n`)))
  })
  let asked = 0
  const flow = {
    congested: true,
    onDrained: (callback: () => void) => {
      asked++
      callback()
    }
  }
  const results = await Promise.all([collect(server, { flow }), collect(server), collect(server, { flow })])
  for (const { events, error } of results) {
    t.equal(error, undefined)
    t.equal(events.length, 200)
  }
  t.ok(asked > 1)
})

t.test('an abort while congested ends the stream', async (t) => {
  const flow = new Flow()
  flow.congested = true
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(['data: 1\n\n', 'data: 2\n\n'], false))
  })
  const controller = new AbortController()
  const first = Promise.withResolvers<void>()
  const result = collect(server, { flow, signal: controller.signal }, { onEvent: () => first.resolve() })
  await first.promise
  controller.abort()
  t.equal((await result).error?.kind, 'aborted')
  t.doesNotThrow(() => flow.drain(), 'a late drain does nothing')
})

t.test('the server may end the answer while the consumer is congested', async (t) => {
  const flow = new Flow()
  const server = await scriptedServer(t, (socket) => {
    socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: 1\n\ndata: 2\n\n`)
  })
  flow.congested = true
  const result = collect(server, { flow })
  const { events, error } = await result
  t.equal(error, undefined)
  t.equal(events.length, 2)
})
