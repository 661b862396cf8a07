import { createTestDatabase } from '@semibot/stack/test'
import { createDatabase, createOrganization, type DatabaseHandle, findAgent, migrateToLatest } from '../../src/index.ts'

/** What the helpers need of a tap test. */
export interface Scope {
  teardown(cleanUp: () => unknown): void
}

export interface TestDatabase extends DatabaseHandle {
  url: string
}

/** A database of this test file alone, migrated by the code under test, and a pool on it. */
export async function openTestDatabase(t: Scope, options: { max?: number } = {}): Promise<TestDatabase> {
  const url = await createTestDatabase(t, { migrated: false })
  await migrateToLatest(url)
  const handle = createDatabase({ url, max: options.max ?? 10, applicationName: 'semibot-db-test' })
  t.teardown(() => handle.close())
  return { ...handle, url }
}

/** Back to how it was opened, much faster than another database. */
export async function emptyTables({ pool }: DatabaseHandle): Promise<void> {
  await pool.query(
    `truncate organizations, users, api_keys, agents, sessions, messages, executions, tool_calls, idempotency_keys,
      fallback_events, service_instances`
  )
}

let organizations = 0

/** A new organisation and the id of its default agent. */
export async function addOrganization({ db }: DatabaseHandle): Promise<{ orgId: string; agentId: string }> {
  const slug = `org-${++organizations}`
  const { id: orgId } = await createOrganization(db, { slug, name: slug })
  const agent = await findAgent(db, orgId, 'default')
  if (agent === undefined) throw new Error('an organisation begins without its default agent')
  return { orgId, agentId: agent.id }
}
