import type pg from 'pg'
import { storableText } from '../storable-text.ts'
import { runStatement } from './run-statement.ts'
import type { FinishTurn, TurnProgress } from './types.ts'

/** A finish with a token of its own, so that a repetition of the same call is told from another call. */
export interface FinishItem {
  turn: FinishTurn
  token: string
}

type FlagRow = [item: number, flag: boolean]

/** Runs `semibot_finish_turns_v2` for a batch; results in the order of the items. */
export async function finishStatement(pool: pg.Pool, items: FinishItem[]): Promise<boolean[]> {
  const rows = await runStatement(pool, {
    name: 'semibot_finish_turns_v2',
    text: 'select item, finished from semibot_finish_turns_v2($1)',
    values: [JSON.stringify(items.map(toFinishItem))]
  })
  return toFlags(rows as FlagRow[])
}

/** Runs `semibot_save_progress_v1` for a batch; results in the order of the items. */
export async function saveProgressStatement(pool: pg.Pool, items: TurnProgress[]): Promise<boolean[]> {
  const rows = await runStatement(pool, {
    name: 'semibot_save_progress_v1',
    text: 'select item, saved from semibot_save_progress_v1($1)',
    values: [JSON.stringify(items.map(toProgressItem))]
  })
  return toFlags(rows as FlagRow[])
}

function toFlags(rows: FlagRow[]): boolean[] {
  const flags: boolean[] = []
  for (const [item, flag] of rows) flags[item] = flag
  return flags
}

function toFinishItem({ turn, token }: FinishItem, item: number) {
  return {
    item,
    execution_id: turn.executionId,
    org_id: turn.orgId,
    message_id: turn.messageId,
    status: turn.status,
    message_status: turn.messageStatus,
    content: storableText(turn.content),
    finish_reason: turn.finishReason,
    mode: turn.mode,
    attempts: turn.attempts,
    model: turn.model,
    usage: turn.usage,
    error_code: turn.error?.code,
    error_message: turn.error === undefined ? undefined : storableText(turn.error.message),
    latency_ms: turn.latencyMs,
    first_token_ms: turn.firstTokenMs,
    fallback_reason: turn.fallbackReason,
    last_seq: turn.lastSeq,
    finish_token: token
  }
}

function toProgressItem(progress: TurnProgress, item: number) {
  return {
    item,
    execution_id: progress.executionId,
    org_id: progress.orgId,
    message_id: progress.messageId,
    content: storableText(progress.content),
    last_seq: progress.lastSeq
  }
}
