import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to PostgreSQL that stops at a given statement about the journal. */
export interface JournalTap {
  /** The database's URL, by this way. */
  url: string
  /** Resolves when the statement of this number is there: before the server gets it, or before its answer is passed on. */
  reached: Promise<void>
  close(): void
}

const JOURNAL = /durable_executions|execution_steps/

/** Statements are counted from 1. From the given one on nothing passes any more on its connection. */
export async function tapJournal(databaseUrl: string, stopAt: number, side: 'before' | 'after'): Promise<JournalTap> {
  const { hostname, port } = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const reached = Promise.withResolvers<void>()
  let seen = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let isStopped = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (piece: Buffer) => {
      // pg sends a statement with its text in one piece.
      const isJournal = JOURNAL.test(piece.toString('latin1'))
      if (isJournal && ++seen === stopAt) {
        isStopped = true
        if (side === 'before') {
          reached.resolve()
          return
        }
      }
      upstream.write(piece)
    })
    upstream.on('data', (piece: Buffer) => {
      // The statement has been carried out when its answer comes.
      if (isStopped) reached.resolve()
      else client.write(piece)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    reached: reached.promise,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
