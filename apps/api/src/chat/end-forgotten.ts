import type { Database } from '@semibot/db'
import type { Kysely } from 'kysely'
import type { ChatServices } from './chat-services.ts'

/** Longer than an execution may take, with all tries of storing its end. */
const MARGIN_MS = 60_000

/**
 * Ends the executions of this process that nobody runs any more: their end could not be stored in time, and
 * while the process lives no other one takes them for orphans. Without this their sessions would stay busy.
 *
 * @returns how many were ended
 */
export async function endForgotten(
  services: Pick<ChatServices, 'instanceId' | 'running' | 'turns' | 'executionTimeoutMs'>,
  db: Kysely<Database>,
  storeRetryMs: number
): Promise<number> {
  const { instanceId, running, turns, executionTimeoutMs } = services
  const before = new Date(Date.now() - executionTimeoutMs - storeRetryMs - MARGIN_MS)
  const rows = await db
    .selectFrom('executions')
    .select(['id', 'org_id', 'session_id', 'assistant_message_id'])
    .where('status', '=', 'running')
    .where('owner', '=', instanceId)
    .where('created_at', '<', before)
    .limit(100)
    .execute()
  const forgotten = rows.filter((row) => running.get(row.id) === undefined)
  const ended = await Promise.all(
    forgotten.map((row) =>
      turns.finish({
        executionId: row.id,
        orgId: row.org_id,
        sessionId: row.session_id,
        messageId: row.assistant_message_id,
        status: 'failed',
        messageStatus: 'failed',
        content: '',
        mode: null,
        attempts: 1,
        model: null,
        error: { code: 'INTERNAL', message: 'The answer could not be stored; send the message again.' },
        latencyMs: 0
      })
    )
  )
  return ended.filter(Boolean).length
}
