import type { ReadyReport } from '@semibot/service-kit'
import type { ModelAccess } from '../agent/model-access.ts'
import type { RuntimeDatabase } from '../plugins/database.ts'

/**
 * What GET /ready tells. Chats go on without Postgres and a model outage hits everybody alike, so neither
 * makes this process unready; a database that was never migrated does: somebody forgot a step.
 */
export async function readiness(
  database: Pick<RuntimeDatabase, 'check'>,
  models: Pick<ModelAccess, 'state'>
): Promise<ReadyReport> {
  const { migrated, ...postgres } = await database.check()
  const llm = { state: models.state, detail: 'outcome of the last model call' }
  return { status: migrated === false ? 'migrations_missing' : 'ready', dependencies: { postgres, llm } }
}
