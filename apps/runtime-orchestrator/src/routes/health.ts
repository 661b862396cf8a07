import type { DependencyReport, ReadyReport } from '@semibot/service-kit'
import type { ModelAccess } from '../agent/model-access.ts'
import type { RuntimeDatabase } from '../plugins/database.ts'
import type { McpTools } from '../tools/mcp/mcp-tools.ts'
import { LauncherSilent, type WorkerLink } from '../workers/worker-link.ts'

export interface ReadinessParts {
  database: Pick<RuntimeDatabase, 'check'>
  models: Pick<ModelAccess, 'state'>
  mcp: Pick<McpTools, 'report'>
  link: WorkerLink | undefined
}

/**
 * What GET /ready tells. Chats go on without Postgres or MCP servers and a model outage hits everybody alike, so none
 * of these makes this process unready; a database that was never migrated does: somebody forgot a step.
 */
export async function readiness({ database, models, mcp, link }: ReadinessParts): Promise<ReadyReport> {
  const [{ migrated, ...postgres }, workers] = await Promise.all([database.check(), link && reportWorkers(link)])
  const llm = { state: models.state, detail: 'outcome of the last model call' }
  return {
    status: migrated === false ? 'migrations_missing' : 'ready',
    dependencies: { postgres, llm, ...mcp.report(), ...(workers && { workers }) }
  }
}

/** A worker that is missing starts again by itself; the others take its calls meanwhile. */
async function reportWorkers(link: WorkerLink): Promise<DependencyReport> {
  try {
    const { workers, wanted } = await link.ask('state', null)
    return { state: workers === wanted ? 'up' : 'down', detail: `${workers} of ${wanted} workers run` }
  } catch (error) {
    if (!(error instanceof LauncherSilent)) throw error
    return { state: 'unknown', detail: 'the launcher does not answer' }
  }
}
