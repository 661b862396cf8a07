import type pg from 'pg'
import { difference, mixedUp, type Told } from './told.ts'
import type { Chat, World } from './world.ts'

interface StoredChat {
  id: string
  sessionId: string
  status: 'running' | 'waiting_approval' | 'completed' | 'failed' | 'cancelled'
  mode: string | null
  content: string | null
  clientMessageId: string
}

/** Compares what the clients were told with what is stored. Resolves with the executions that the runtime completed. */
export async function judgeStored({ stack, report, chats }: World): Promise<Set<string>> {
  const stored = await readStored(stack.db)
  const byId = new Set(stored.map(({ id }) => id))
  const byMessage = Map.groupBy(stored, ({ clientMessageId }) => clientMessageId)
  for (const chat of chats) {
    report.checked('oneKey')
    const rows = byMessage.get(chat.clientMessageId) ?? []
    // Every client sends a chat again only with its key.
    if (rows.length > 1) {
      report.violated(
        'oneKey',
        `${chat.kind} ${chat.clientMessageId} is stored as ${rows.map(({ id }) => id).join(' and ')}`
      )
    }
    if (chat.isDeleted === true) continue
    for (const id of chat.executionIds) {
      report.checked('kept')
      if (!byId.has(id)) report.violated('kept', `${chat.kind} ${id} is not stored`)
    }
    for (const row of rows) judgeChat(report, chat, row)
    if (chat.wasRefused && rows.length > 0) report.count('refused, and stored all the same')
  }
  await judgeSessions(stack.db, report)
  return new Set(
    stored.flatMap(({ id, status, mode }) => (status === 'completed' && mode === 'runtime_orchestrator' ? [id] : []))
  )
}

function judgeChat(report: World['report'], chat: Chat, row: StoredChat): void {
  const name = `${chat.kind} ${row.id}`
  const content = row.content ?? ''
  for (const told of chat.told) {
    if (told.end === undefined) continue
    report.checked('sameEnd')
    const end = told.end.type.slice('execution.'.length)
    if (end !== row.status) report.violated('sameEnd', `${name} was told ${end}, is stored as ${row.status}`)
    report.checked('text')
    if (!isToldText(told, content, row.status)) {
      report.violated('text', `${name} (${row.status}), told and stored: ${difference(told.text, content)}`)
    }
  }
  const { answered } = chat
  if (answered !== undefined) {
    report.checked('sameEnd')
    const wasCompleted = answered.status === 200
    if (wasCompleted !== (row.status === 'completed')) {
      report.violated('sameEnd', `${name} was answered ${answered.status}, is stored as ${row.status}`)
    }
    report.checked('text')
    if (wasCompleted && answered.content !== content) {
      report.violated('text', `${name}, answered and stored: ${difference(answered.content ?? '', content)}`)
    }
  }
  if (row.status !== 'completed') return
  report.checked('whole')
  const mixed = mixedUp(content)
  if (mixed !== undefined) report.violated('whole', `${name}: ${mixed}: ${JSON.stringify(content.slice(0, 300))}`)
}

/** Of an answer that was not finished a part is stored, of what was told at some time. */
function isToldText({ text, earlier }: Told, content: string, status: StoredChat['status']): boolean {
  if (status === 'completed') return text === content
  return [text, ...earlier].some((told) => told.startsWith(content) || content.startsWith(told))
}

async function readStored(db: pg.Pool): Promise<StoredChat[]> {
  const { rows } = await db.query<StoredChat>(`
    select e.id, e.session_id as "sessionId", e.status, e.mode, a.content, u.client_message_id as "clientMessageId"
    from executions e
    join messages u on u.execution_id = e.id and u.role = 'user'
    left join messages a on a.execution_id = e.id and a.role = 'assistant'`)
  return rows
}

/** Each message has its place in its session, and each question at most one answer. */
async function judgeSessions(db: pg.Pool, report: World['report']): Promise<void> {
  const { rows } = await db.query<{ session_id: string; what: string }>(`
    select session_id, 'two messages at ' || seq as what from messages group by session_id, seq having count(*) > 1
    union all
    select session_id, 'several answers of ' || execution_id from messages where role = 'assistant'
      group by session_id, execution_id having count(*) > 1`)
  report.checked('kept')
  for (const { session_id, what } of rows) report.violated('kept', `session ${session_id}: ${what}`)
}
