import { countInstances, isMigrated } from '@semibot/db'
import { type DependencyReport, type Drain, healthRoutes, type ReadyReport } from '@semibot/service-kit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { ApiEnv } from '../env.ts'
import { checkModelServer, checkRuntime } from './dependency-checks.ts'

export interface HealthOptions {
  drain?: Drain
}

/** How long an answer is given again, so that many probes make one check. */
const REPORT_MS = 1000

const RUNTIME_OFF: DependencyReport = { state: 'off', detail: 'the configuration sends no chat to it' }
const REPLICA_LOST: DependencyReport = { state: 'down', detail: 'the primary answers its reads' }
const REDIS_OFF: DependencyReport = { state: 'off', detail: 'no REDIS_URL; state is kept in this process' }

/**
 * GET /health and GET /ready. Postgres, Redis, each runtime and the model's server are named with their
 * state, but only missing migrations and a drain make the process not ready.
 */
export const healthPlugin: FastifyPluginAsync<HealthOptions> = async (app, { drain }) => {
  const ready = remember(REPORT_MS, () => report(app))
  await app.register(healthRoutes, drain === undefined ? { ready } : { ready, drain })
}

async function report(app: FastifyInstance): Promise<ReadyReport> {
  const { env } = app
  const [postgres, llm, ...runtimes] = await Promise.all([
    checkPostgres(app),
    checkModelServer(env.LLM_BASE_URL),
    ...env.RUNTIME_SERVICE_URL.map((url) => (mayUseRuntime(env) ? checkRuntime(url, app.runtimeHttp) : RUNTIME_OFF))
  ])
  const names = env.RUNTIME_SERVICE_URL.map((url) => `runtime ${new URL(url).host}`)
  return {
    status: postgres.migrated ? 'ready' : 'migrations_missing',
    dependencies: {
      postgres: postgres.report,
      ...(env.DATABASE_READ_URL && { 'postgres replica': app.reads.isResting ? REPLICA_LOST : { state: 'up' } }),
      redis: app.redisPool?.report() ?? redisOff(postgres.apis),
      ...Object.fromEntries(names.map((name, index) => [name, runtimes[index] ?? RUNTIME_OFF])),
      llm
    }
  }
}

/** Nothing is asked of a runtime that no chat is sent to. */
function mayUseRuntime(env: ApiEnv): boolean {
  return env.CHAT_EXECUTION_MODE === 'runtime_orchestrator' || env.CHAT_RUNTIME_ENABLED_ORGS.length > 0
}

/** Right for one process; several of them would each decide for themselves. */
function redisOff(apis: number): DependencyReport {
  if (apis <= 1) return REDIS_OFF
  return { state: 'off', detail: `no REDIS_URL, and ${apis} api processes: each decides the fallback by itself` }
}

/** An unreachable database says nothing about its migrations, so it never makes the process not ready. */
async function checkPostgres({ backgroundDb, redisPool, log }: FastifyInstance) {
  const hasRedis = redisPool !== null
  try {
    const migrated = await isMigrated(backgroundDb)
    const apis = migrated && !hasRedis ? await countInstances(backgroundDb, 'api') : 1
    const result: DependencyReport = migrated ? { state: 'up' } : { state: 'up', detail: 'migrations are missing' }
    return { migrated, apis, report: result }
  } catch (error) {
    log.debug({ err: error }, 'Postgres does not answer the readiness check')
    return { migrated: true, apis: 1, report: { state: 'down', detail: 'cannot be used' } satisfies DependencyReport }
  }
}

function remember<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  let until = 0
  return () => {
    if (answer === undefined || performance.now() >= until) {
      until = performance.now() + ms
      answer = ask()
    }
    return answer
  }
}
