import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { ENTRIES, REPOSITORY_ROOT, SOURCE_FLAGS } from '../paths.ts'
import { startPostgres } from '../postgres/start-postgres.ts'
import { type RunningProcess, startProcess } from '../process.ts'
import { startRedis } from '../redis.ts'
import type { PlannedService, StackPlan } from './plan-stack.ts'
import type { StackSecrets } from './secrets.ts'
import type { Spawned, Supervisor } from './supervisor.ts'
import type { StackOptions } from './types.ts'

/** Starts PostgreSQL, unless DATABASE_URL names a server. */
export async function startDatabase(
  plan: StackPlan,
  secrets: StackSecrets,
  options: StackOptions,
  home: string,
  supervisor: Supervisor
): Promise<void> {
  const { report = () => {} } = options
  if (!plan.postgres) return report('PostgreSQL: the server of DATABASE_URL')
  const { port } = plan.postgres
  let dataDir = ''
  const launch = async (signal: AbortSignal, spawned: Spawned): Promise<RunningProcess> => {
    const postgres = await startPostgres({
      dataDir: `${home}/postgres`,
      port,
      fast: options.fast ?? false,
      password: secrets.postgresPassword,
      adminPassword: secrets.postgresAdminPassword,
      log: (line) => options.log?.('postgres', line),
      note: report,
      spawned,
      signal
    })
    dataDir = postgres.dataDir
    return postgres.process
  }
  await supervisor.start({ name: 'postgres', port, rank: 0, launch })
  report(`PostgreSQL: 127.0.0.1:${port}, data in ${dataDir}`)
}

/** Starts Redis, the simulator, the runtimes and the apis, each as far as the plan holds it. */
export async function startServices(
  plan: StackPlan,
  secrets: StackSecrets,
  options: StackOptions,
  supervisor: Supervisor
): Promise<void> {
  const { report = () => {} } = options
  const start = async (kind: keyof typeof PORT_KEYS, service: PlannedService, rank: number): Promise<void> => {
    const launch = (signal: AbortSignal, spawned: Spawned) =>
      startService(kind, service, plan, options, { signal, spawned })
    await supervisor.start({ ...service, rank, launch })
  }
  if (plan.redis) {
    const { port, program } = plan.redis
    const launch = async (signal: AbortSignal, spawned: Spawned): Promise<RunningProcess> => {
      const log = (line: string): void => options.log?.('redis', line)
      const redis = await startRedis({ program, port, password: secrets.redisPassword, log, spawned, signal })
      if (!redis) throw new Error(`${program} is gone`)
      return redis.process
    }
    await supervisor.start({ name: 'redis', port, rank: 0, launch })
    report(`Redis: 127.0.0.1:${port}`)
  } else
    report(
      plan.redisUrl === undefined ? 'Redis: none on PATH, the in-process store runs' : 'Redis: the server of REDIS_URL'
    )
  if (plan.simulator) {
    await start('simulator', plan.simulator, 1)
    report(`model: the simulator on ${plan.simulator.url}`)
  } else report(`model: ${plan.values.LLM_MODEL} at ${plan.values.LLM_BASE_URL}`)
  for (const { name } of [...plan.runtimes, ...plan.apis]) beginLog(name, plan, options)
  const logs = plan.values.LOG_FILE ?? options.logFolder
  if (logs !== undefined) report(`logs: ${logs}`)
  await Promise.all(plan.runtimes.map((service) => start('runtime', service, 2)))
  report(`runtime: ${plan.runtimes.map((service) => service.url).join(', ')}`)
  await Promise.all(plan.apis.map((service) => start('api', service, 3)))
  report(`api: ${plan.apis.map((service) => service.url).join(', ')}`)
}

const PORT_KEYS = { api: 'API_PORT', runtime: 'RUNTIME_PORT', simulator: 'SIMULATOR_PORT' } as const

async function startService(
  kind: keyof typeof PORT_KEYS,
  service: PlannedService,
  plan: StackPlan,
  options: StackOptions,
  hooks: { signal: AbortSignal; spawned: Spawned }
): Promise<RunningProcess> {
  return await startProcess({
    name: service.name,
    command: process.execPath,
    args: [...SOURCE_FLAGS, ENTRIES[kind]],
    cwd: REPOSITORY_ROOT,
    env: {
      ...plan.env,
      [PORT_KEYS[kind]]: String(service.port),
      ...metricsPort(service, plan),
      ...(kind !== 'simulator' && logFile(service.name, plan, options))
    },
    ready: { url: `${service.url}${kind === 'simulator' ? '/health' : '/ready'}` },
    readyTimeoutMs: 60_000,
    // The service ends its streams within its grace by itself; after that it hangs.
    stopTimeoutMs: plan.values.SHUTDOWN_GRACE_MS + 10_000,
    log: (line) => options.log?.(service.name, line),
    ...hooks
  })
}

/** METRICS_PORT of one service: the one that is set is for the first api, and the others count up from it. */
function metricsPort(service: PlannedService, { values, apis, runtimes }: StackPlan): { METRICS_PORT?: string } {
  const index = [...apis, ...runtimes].indexOf(service)
  if (values.METRICS_PORT === undefined || index === -1) return {}
  return { METRICS_PORT: String(values.METRICS_PORT === 0 ? 0 : values.METRICS_PORT + index) }
}

/** LOG_FILE of one service; nothing where there is no folder for it or the settings name one for all. */
function logFile(name: string, plan: StackPlan, { logFolder }: StackOptions): { LOG_FILE?: string } {
  if (logFolder === undefined || plan.values.LOG_FILE !== undefined) return {}
  return { LOG_FILE: join(logFolder, `${name}.log`) }
}

/** Puts the log of the run before aside: a folder that is used for months holds two runs, not all. */
function beginLog(name: string, plan: StackPlan, options: StackOptions): void {
  const { LOG_FILE: file } = logFile(name, plan, options)
  if (file === undefined) return
  mkdirSync(options.logFolder as string, { recursive: true, mode: 0o700 })
  if (existsSync(file)) renameSync(file, `${file}.1`)
}
