import type { Migration } from 'kysely/migration'
import * as tables from './0001-tables.ts'
import * as messages from './0002-messages.ts'
import * as acceptTurns from './0003-accept-turns.ts'
import * as undoAccept from './0004-undo-accept.ts'
import * as finishTurns from './0005-finish-turns.ts'
import * as sweepOrphans from './0006-sweep-orphans.ts'
import * as durableExecutions from './0007-durable-executions.ts'
import * as adoptOrphans from './0008-adopt-orphans.ts'
import * as turnsInSets from './0009-turns-in-sets.ts'
import * as noRecentExecutions from './0010-no-recent-executions.ts'

/**
 * Every migration in order. A released one is never edited: the next change is a new file. During a rolling
 * upgrade the old release still runs on the new schema, so a function that changes gets a new version beside the
 * old one, and a column is removed one release after its last use.
 */
export const MIGRATIONS: Record<string, Migration> = {
  '0001_tables': tables,
  '0002_messages': messages,
  '0003_accept_turns': acceptTurns,
  '0004_undo_accept': undoAccept,
  '0005_finish_turns': finishTurns,
  '0006_sweep_orphans': sweepOrphans,
  '0007_durable_executions': durableExecutions,
  '0008_adopt_orphans': adoptOrphans,
  '0009_turns_in_sets': turnsInSets,
  '0010_no_recent_executions': noRecentExecutions
}
