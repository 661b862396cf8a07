/** Told of every round trip: a group of statements (see `operationOf`), and how long it took, failed or not. */
export type QueryObserver = (operation: string, seconds: number) => void

/** What the queries of this package are about, by the first table that they name. */
const OPERATIONS = new Map(
  Object.entries({
    organizations: 'auth',
    users: 'auth',
    api_keys: 'auth',
    sessions: 'sessions',
    messages: 'messages',
    agents: 'agents',
    executions: 'executions',
    tool_calls: 'tool_calls',
    durable_executions: 'journal',
    execution_steps: 'journal',
    runtime_leases: 'journal',
    service_instances: 'instances',
    fallback_events: 'fallback',
    idempotency_keys: 'maintenance',
    kysely_migration: 'ready'
  })
)
const TABLE = /\b(?:from|into|update)\s+(?:only\s+)?"?([a-z_]+)/i

/** The group that a statement belongs to; `other` for all that name no table of ours first. */
export function operationOf(sql: string): string {
  const table = TABLE.exec(sql)?.[1]
  return OPERATIONS.get(table ?? '') ?? 'other'
}

/** Times what `run` does, when somebody wants to know. */
export async function observed<T>(
  observer: QueryObserver | undefined,
  operation: string,
  run: () => Promise<T>
): Promise<T> {
  if (observer === undefined) return run()
  const startedAt = performance.now()
  try {
    return await run()
  } finally {
    observer(operation, (performance.now() - startedAt) / 1000)
  }
}
