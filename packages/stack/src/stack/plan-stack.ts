import { ALL_GROUPS, type AllEnv, inspectEnv, loadEnv } from '@semibot/config'
import { freePort, isPortFree } from '../claim.ts'
import { findProgram } from '../find-program.ts'
import { REPOSITORY_ROOT } from '../paths.ts'
import type { StackSecrets } from './secrets.ts'

/** One service process. */
export interface PlannedService {
  /** `api`, `api-2`, `api-3`, ... */
  name: string
  port: number
  /** Without a slash at the end. */
  url: string
}

/** What will be started, on which ports, with which environment. */
export interface StackPlan {
  /** The checked configuration. */
  values: Readonly<AllEnv>
  /** Environment of every service; each gets its own port beside it. */
  env: NodeJS.ProcessEnv
  databaseUrl: string
  /** Unset: DATABASE_URL names another server. */
  postgres?: { port: number }
  /** Unset: none, or REDIS_URL names another server. */
  redis?: { port: number; program: string }
  redisUrl?: string
  /** Unset: LLM_BASE_URL names a model server. */
  simulator?: PlannedService
  runtimes: PlannedService[]
  apis: PlannedService[]
}

export interface PlanOptions {
  /** Environment of this process: all settings come from it, and from the file ENV_FILE. */
  env: NodeJS.ProcessEnv
  secrets: StackSecrets
  /** Ports that are not set are free ones instead of the defaults, for tests. */
  freePorts: boolean
  /** Where a redis-server may come from when REDIS_URL is not set. */
  redis: 'path' | 'unpacked' | 'none'
}

/**
 * Works out what to start. A key that the environment or the file sets is kept; the others are filled in so that the
 * processes find each other. Throws ConfigError when a key is wrong, as the services themselves would.
 */
export async function planStack(options: PlanOptions): Promise<StackPlan> {
  const { secrets, freePorts } = options
  const given = givenKeys(options.env)
  const add: Record<string, string> = {}
  const fill = (key: string, value: string): void => {
    if (!given.has(key)) add[key] = value
  }
  fill('ADMIN_TOKEN', secrets.adminToken)
  fill('RUNTIME_SERVICE_TOKEN', secrets.runtimeServiceToken)
  fill('JWT_HS256_SECRET', secrets.jwtSecret)
  fill('CHAT_RUNTIME_ENABLED_ORGS', 'dev-runtime')
  if (freePorts) for (const key of PORT_KEYS) fill(key, '0')
  const first = readConfig({ ...options.env, ...add, DATABASE_URL: options.env.DATABASE_URL ?? 'postgres://localhost' })

  const apis = await plannedServices('api', first.API_HOST, first.API_PORT, first.API_INSTANCES)
  const runtimes = await plannedServices('runtime', first.RUNTIME_HOST, first.RUNTIME_PORT, first.RUNTIME_INSTANCES, {
    secure: first.RUNTIME_TLS_CERT !== undefined
  })
  fill('RUNTIME_SERVICE_URL', runtimes.map((service) => service.url).join(','))

  const plan: Partial<StackPlan> = {}
  if (!given.has('LLM_BASE_URL') && first.LLM_PROVIDER === 'openai-compatible') {
    const [simulator] = await plannedServices('simulator', '127.0.0.1', first.SIMULATOR_PORT, 1)
    if (simulator) plan.simulator = simulator
    fill('LLM_BASE_URL', `${simulator?.url}/v1`)
  }
  if (!given.has('DATABASE_URL')) {
    plan.postgres = { port: first.POSTGRES_PORT || (await freePort()) }
    fill('DATABASE_URL', `postgres://semibot:${secrets.postgresPassword}@127.0.0.1:${plan.postgres.port}/semibot`)
  }
  if (!given.has('REDIS_URL') && options.redis !== 'none') {
    const program = await findProgram('redis-server', options.redis === 'path' ? {} : { debianPackage: 'redis-server' })
    if (program) {
      const usual = !freePorts && (await isPortFree(6379))
      plan.redis = { program, port: usual ? 6379 : await freePort() }
      fill('REDIS_URL', `redis://:${secrets.redisPassword}@127.0.0.1:${plan.redis.port}`)
    }
  }
  const env = { ...options.env, ...add }
  const values = readConfig(env)
  const redisUrl = values.REDIS_URL === undefined ? {} : { redisUrl: values.REDIS_URL }
  return { ...plan, ...redisUrl, values, env, databaseUrl: values.DATABASE_URL, apis, runtimes }
}

/** The ports that the plan needs, and the key that changes each. */
export function plannedPorts(plan: StackPlan): { port: number; name: string; key: string; host: string }[] {
  const { values } = plan
  return [
    ...(plan.postgres ? [{ ...plan.postgres, name: 'PostgreSQL', key: 'POSTGRES_PORT', host: '127.0.0.1' }] : []),
    ...(plan.simulator ? [{ ...plan.simulator, key: 'SIMULATOR_PORT', host: '127.0.0.1' }] : []),
    ...plan.runtimes.map((service) => ({ ...service, key: 'RUNTIME_PORT', host: values.RUNTIME_HOST })),
    ...plan.apis.map((service) => ({ ...service, key: 'API_PORT', host: values.API_HOST }))
  ]
}

const PORT_KEYS = ['API_PORT', 'RUNTIME_PORT', 'SIMULATOR_PORT', 'POSTGRES_PORT']

function givenKeys(env: NodeJS.ProcessEnv): Set<string> {
  const { readings } = inspectEnv(ALL_GROUPS, { environment: env, directory: REPOSITORY_ROOT })
  return new Set([...readings].filter(([, reading]) => reading.origin !== 'default').map(([key]) => key))
}

function readConfig(env: NodeJS.ProcessEnv): Readonly<AllEnv> {
  return loadEnv(ALL_GROUPS, { environment: env, directory: REPOSITORY_ROOT }).values
}

/** Consecutive ports from the first; each a free one when the first is 0. */
async function plannedServices(
  kind: string,
  host: string,
  firstPort: number,
  count: number,
  { secure }: { secure: boolean } = { secure: false }
): Promise<PlannedService[]> {
  const address = ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host
  const services: PlannedService[] = []
  for (let index = 0; index < count; index++) {
    const port = firstPort === 0 ? await freePort() : firstPort + index
    const name = index === 0 ? kind : `${kind}-${index + 1}`
    services.push({
      name,
      port,
      url: `http${secure ? 's' : ''}://${address.includes(':') ? `[${address}]` : address}:${port}`
    })
  }
  return services
}
