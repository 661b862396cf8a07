import { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { toDatabaseError } from './classify-error.ts'
import type { Database } from './schema.ts'

export interface CancelWatchOptions {
  url: string
  applicationName: string
  /** Called with the id of every execution that any process was asked to cancel. */
  onCancel: (executionId: string) => void
  /** Told when the connection is lost or refused; it is made again by itself. */
  onError?: ((error: unknown) => void) | undefined
  /** How often the connection is tried, and how long it has to answer. Default 5000. */
  checkMs?: number | undefined
}

export interface CancelWatch {
  /** Resolves when notices sent from now on will be heard. */
  listening: Promise<void>
  close(): Promise<void>
}

const CHANNEL = 'semibot_cancel'
const RECONNECT_MS = 1000
const CHECK_MS = 5000

/** Tells every process that watches that an execution is to be cancelled. The one that runs it acts on it. */
export async function notifyCancel(db: Kysely<Database>, executionId: string): Promise<void> {
  await sql`select pg_notify(${CHANNEL}, ${executionId})`.execute(db)
}

/**
 * Hears the notices of `notifyCancel` on a connection of its own, which is made again each second while the
 * database is away. Notices of that time are lost: a cancel is repeated by whoever wants it. A connection that only
 * listens would never notice that the other side is gone without a word, so it is tried every few seconds.
 */
export function watchCancels(options: CancelWatchOptions): CancelWatch {
  const { checkMs = CHECK_MS } = options
  const closing = new AbortController()
  const heard = Promise.withResolvers<void>()
  let client: pg.Client | undefined
  let socket = new Socket()

  async function listen(): Promise<void> {
    const lost = Promise.withResolvers<Error | undefined>()
    socket = new Socket()
    client = new pg.Client({
      connectionString: options.url,
      application_name: options.applicationName,
      connectionTimeoutMillis: 5000,
      query_timeout: checkMs,
      keepAlive: true,
      stream: () => socket
    })
    client.on('error', lost.resolve)
    client.on('end', () => lost.resolve(undefined))
    client.on('notification', ({ payload }) => options.onCancel(payload ?? ''))
    // A client that is ended while it connects never says so to whoever waits for the connection.
    const ended = lost.promise.then((error) => Promise.reject(error ?? new Error('the connection was ended')))
    await Promise.race([client.connect(), ended])
    await client.query(`listen ${CHANNEL}`)
    heard.resolve()
    const left = new AbortController()
    const silent = keepTrying(client, left.signal).catch((error: Error) => error)
    const error = await Promise.race([lost.promise, silent])
    left.abort()
    if (error !== undefined) throw error
  }

  /** Rejects when the connection does not answer. */
  async function keepTrying(client: pg.Client, signal: AbortSignal): Promise<never> {
    for (;;) {
      await wait(checkMs, undefined, { signal, ref: false })
      await client.query('select 1')
    }
  }

  /** Says goodbye without waiting for the other side, which may be gone. */
  async function end(): Promise<void> {
    const ended = client?.end().catch(() => {})
    socket.destroySoon()
    await ended
  }

  async function keepListening(): Promise<void> {
    while (!closing.signal.aborted) {
      await listen().catch((error: unknown) => {
        if (!closing.signal.aborted) options.onError?.(toDatabaseError(error, false))
      })
      await end()
      await wait(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  const stopped = keepListening()
  return {
    listening: heard.promise,
    async close() {
      closing.abort()
      await end()
      await stopped
    }
  }
}
