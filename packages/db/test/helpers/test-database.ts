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
  const { max = 10 } = options
  // A machine that runs all tests at once may take longer to connect than a service would wait.
  const handle = createDatabase({ url, max, applicationName: 'semibot-db-test', connectionTimeoutMs: 10_000 })
  t.teardown(() => handle.close())
  return { ...handle, url }
}

const TABLES = [
  'organizations',
  'users',
  'api_keys',
  'agents',
  'sessions',
  'messages',
  'executions',
  'tool_calls',
  'idempotency_keys',
  'fallback_events',
  'service_instances',
  'runtime_leases',
  'durable_executions',
  'execution_steps'
]

/** Removes every row: much faster than another database, and than truncate for so few rows. */
export async function emptyTables({ pool }: DatabaseHandle): Promise<void> {
  await pool.query(TABLES.map((table) => `delete from ${table}`).join(';'))
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
