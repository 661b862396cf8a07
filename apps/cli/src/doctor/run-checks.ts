import { ALL_GROUPS, ConfigError, type EnvInspection, inspectEnv } from '@semibot/config'
import type { Terminal } from '../cli.ts'
import { chooseDatabase, readDevEnv } from '../database-url.ts'
import { createOperatorApi } from '../operator-api.ts'
import { checkConfig } from './check-config.ts'
import { checkDatabase, type DatabaseFindings } from './check-database.ts'
import { checkMachine } from './check-machine.ts'
import { checkNode } from './check-node.ts'
import { checkOperation } from './check-operation.ts'
import { checkRedis } from './check-redis.ts'
import { checkService } from './check-service.ts'
import { type Finding, fail, warn } from './finding.ts'

type Sources = Pick<Terminal, 'environment' | 'directory'>

function hostForClients(host: unknown): string {
  if (host === '0.0.0.0' || host === '::' || host === undefined) return '127.0.0.1'
  return String(host).includes(':') ? `[${host}]` : String(host)
}

async function checkChosenDatabase(sources: Sources): Promise<DatabaseFindings> {
  try {
    return await checkDatabase(chooseDatabase(sources))
  } catch (error) {
    // The bad keys are findings already.
    if (!(error instanceof ConfigError)) throw error
    const finding = fail('postgres', 'not checked', 'correct the configuration first')
    return { findings: [finding], apiProcesses: undefined }
  }
}

interface Addresses {
  api: string
  runtimes: readonly string[]
  /** undefined: not known here. */
  adminToken: string | undefined
}

/** Where the services should be: what the configuration says, else what `npm start` has written for shells. */
function addresses(inspection: EnvInspection, sources: Sources): Addresses {
  const { readings } = inspection
  const value = (key: string) => readings.get(key)?.value
  const isSet = (key: string) => readings.get(key)?.origin !== 'default'
  const shell = { ...(value('NODE_ENV') === 'production' ? {} : readDevEnv(sources).values), ...sources.environment }
  const apiUrl = `http://${hostForClients(value('API_HOST'))}:${value('API_PORT') ?? 3001}`
  const runtimeUrls = (value('RUNTIME_SERVICE_URL') ?? []) as readonly string[]
  const [configured] = (value('ADMIN_TOKEN') ?? []) as readonly string[]
  return {
    adminToken: configured ?? shell.ADMIN_TOKEN,
    api: (isSet('API_PORT') ? undefined : shell.BASE_URL) || apiUrl,
    runtimes: !isSet('RUNTIME_SERVICE_URL') && shell.RUNTIME_URL ? [shell.RUNTIME_URL] : runtimeUrls
  }
}

/** Runs every check; the ones that need the network at the same time. Findings come in a fixed order. */
export async function runChecks(sources: Sources): Promise<Finding[]> {
  const inspection = inspectEnv(ALL_GROUPS, sources)
  const value = (key: string) => inspection.readings.get(key)?.value
  const enabled = value('CHAT_RUNTIME_ENABLED_ORGS')
  const usesRuntime =
    value('CHAT_EXECUTION_MODE') === 'runtime_orchestrator' || (Array.isArray(enabled) && enabled.length > 0)
  const { api, runtimes, adminToken } = addresses(inspection, sources)
  const redisUrl = value('REDIS_URL')
  const caFile = value('RUNTIME_TLS_CA')
  const [database, redis, apiFinding, ...runtimeFindings] = await Promise.all([
    checkChosenDatabase(sources),
    checkRedis(typeof redisUrl === 'string' ? redisUrl : undefined, Number(value('API_INSTANCES') ?? 1)),
    checkService({ name: 'api', url: api, optional: false, advice: 'start it (npm start), or correct API_PORT' }),
    ...runtimes.map((url) =>
      checkService({
        name: 'runtime',
        url,
        optional: !usesRuntime,
        caFile: typeof caFile === 'string' ? caFile : undefined,
        advice: 'start it (npm start), or correct RUNTIME_SERVICE_URL; chats are answered by direct_llm meanwhile'
      })
    )
  ])
  const logFile = value('LOG_FILE')
  return [
    checkNode(process.versions.node),
    ...checkConfig(inspection),
    ...database.findings,
    redis,
    ...runtimeFindings,
    apiFinding,
    ...(apiFinding.state === 'fail' ? [] : await askApi(api, adminToken, database.apiProcesses)),
    ...checkMachine(sources.directory, typeof logFile === 'string' ? logFile : undefined)
  ]
}

/** What only an operator may ask. */
async function askApi(url: string, adminToken: string | undefined, apiProcesses?: number): Promise<Finding[]> {
  if (adminToken === undefined || adminToken === '') {
    const advice = 'set ADMIN_TOKEN; after npm start: source .semibot/dev.env'
    return [warn('fallback', 'not asked: no ADMIN_TOKEN is known here', advice)]
  }
  return await checkOperation(createOperatorApi(url, adminToken, 'doctor'), apiProcesses)
}
