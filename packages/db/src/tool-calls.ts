import { type Kysely, sql } from 'kysely'
import type { Database } from './schema.ts'
import { storableText } from './storable-text.ts'

/** A tool call as it is stored. */
export interface ToolCall {
  id: string
  executionId: string
  name: string
  source: string
  effect: string
  /** `running` until it is finished with one of chat-protocol's tool statuses. */
  status: string
  input: unknown
  output: unknown
  error: { code: string; message: string } | null
  durationMs: number | null
  createdAt: Date
  endedAt: Date | null
}

/** What is known of a tool call when it begins. */
export interface StartedToolCall {
  executionId: string
  /** The model's id of the call; unique in its execution. */
  id: string
  name: string
  source: string
  effect: string
  input: unknown
}

/** How a tool call ended. */
export interface FinishedToolCall {
  executionId: string
  id: string
  /** chat-protocol's tool statuses. */
  status: 'ok' | 'error' | 'denied' | 'timeout' | 'unknown'
  output?: unknown
  error?: { code: string; message: string } | undefined
  durationMs: number
}

/**
 * Error code of a call that ended only because its execution was stopped in this process. Another process may go on with
 * the execution and run the call again: whatever it comes to there holds.
 */
export const TOOL_STOPPED = 'TOOL_STOPPED'

/** Stores that a tool call begins. False: it is stored already, so it must not be run once more. */
export async function insertToolCall(db: Kysely<Database>, orgId: string, call: StartedToolCall): Promise<boolean> {
  const result = await db
    .insertInto('tool_calls')
    .values({
      org_id: orgId,
      execution_id: call.executionId,
      id: call.id,
      name: call.name,
      source: call.source,
      effect: call.effect,
      status: 'running',
      input: toJson(call.input)
    })
    .onConflict((oc) => oc.columns(['org_id', 'execution_id', 'id']).doNothing())
    .executeTakeFirst()
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** Stores the end of a running tool call, once, and its end in place of `TOOL_STOPPED`. False: it had ended. */
export async function finishToolCall(db: Kysely<Database>, orgId: string, call: FinishedToolCall): Promise<boolean> {
  const isStop = call.error?.code === TOOL_STOPPED
  const result = await db
    .updateTable('tool_calls')
    .set({
      status: call.status,
      output: toJson(call.output),
      error_code: call.error?.code ?? null,
      error_message: call.error === undefined ? null : storableText(call.error.message),
      duration_ms: Math.round(call.durationMs),
      ended_at: sql<Date>`now()`
    })
    .where('org_id', '=', orgId)
    .where('execution_id', '=', call.executionId)
    .where('id', '=', call.id)
    .where(({ eb, or }) => or([eb('status', '=', 'running'), ...(isStop ? [] : [eb('error_code', '=', TOOL_STOPPED)])]))
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** The tool calls of one execution in the order in which they began. */
export async function listToolCalls(db: Kysely<Database>, orgId: string, executionId: string): Promise<ToolCall[]> {
  const rows = await db
    .selectFrom('tool_calls')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('execution_id', '=', executionId)
    .orderBy('created_at')
    .orderBy('id')
    .limit(1000)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    executionId: row.execution_id,
    name: row.name,
    source: row.source,
    effect: row.effect,
    status: row.status,
    input: row.input,
    output: row.output,
    error: row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' },
    durationMs: row.duration_ms,
    createdAt: row.created_at,
    endedAt: row.ended_at
  }))
}

function toJson(value: unknown): string | null {
  return JSON.stringify(value, (_key, part) => (typeof part === 'string' ? storableText(part) : part)) ?? null
}
