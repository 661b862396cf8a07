import {
  beginDurableRun,
  beginStep,
  claimDurableRun,
  createDatabase,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  endDurableRun,
  endLease,
  ownsDurableRun,
  recordStep,
  releaseDurableRun,
  renewLease
} from '@semibot/db'
import {
  DB_CONNECT_TIMEOUT_MS,
  DB_STATEMENT_TIMEOUT_MS,
  JOURNAL_POOL_MAX,
  LEASE_MS,
  LEASE_POOL_MAX
} from '../constants/config.ts'
import type { Journal } from '../engine/journal.ts'

export interface JournalHandle {
  journal: Journal
  close(): Promise<void>
}

/** Told once when the journal goes away, and once when it is back. */
export interface JournalWatch {
  down(error: unknown): void
  up(): void
}

const UNWATCHED: JournalWatch = { down: () => undefined, up: () => undefined }

/** The journal of durable runs in Postgres. Nothing is connected before the first call. */
export function createJournal(url: string, watch = UNWATCHED): JournalHandle {
  let isAway = false
  const open = (applicationName: string, max: number, statementTimeoutMs: number) =>
    createDatabase({ url, max, applicationName, connectionTimeoutMs: DB_CONNECT_TIMEOUT_MS, statementTimeoutMs })
  const { db, close } = open('semibot-runtime-journal', JOURNAL_POOL_MAX, DB_STATEMENT_TIMEOUT_MS)
  // The lease has a connection of its own: behind a queue it would lapse while this process lives.
  const lease = open('semibot-runtime-lease', LEASE_POOL_MAX, LEASE_MS)
  const journal: Journal = {
    // Sent all the time: it shows how the journal is before a run needs it.
    renewLease: (instance) => noting(renewLease(lease.db, instance, LEASE_MS)),
    endLease: (instance) => endLease(lease.db, instance),
    begin: (run) => beginDurableRun(db, run),
    claim: (run, onTaking) => claimDurableRun(db, run, LEASE_MS, onTaking),
    owns: (run) => ownsDurableRun(db, run),
    beginStep: (run, step) => beginStep(db, run, step),
    recordStep: (run, step) => recordStep(db, run, step),
    end: (run, status, outcome) => endDurableRun(db, run, status, outcome),
    release: (run) => releaseDurableRun(db, run),
    isOutage,
    mayHaveActed: (error) => error instanceof DatabaseUnavailableError && error.commitUnknown
  }
  async function noting<T>(call: Promise<T>): Promise<T> {
    try {
      const result = await call
      if (isAway) watch.up()
      isAway = false
      return result
    } catch (error) {
      if (!isAway) watch.down(error)
      isAway = true
      throw error
    }
  }

  return {
    journal,
    close: async () => void (await Promise.all([close(), lease.close()]))
  }
}

/** SQLSTATE of a table that is not there: a database that is not migrated yet has no journal yet. */
const UNDEFINED_TABLE = '42P01'

function isOutage(error: unknown): boolean {
  if (error instanceof DatabaseUnavailableError || error instanceof DatabaseTimeoutError) return true
  return error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE
}
