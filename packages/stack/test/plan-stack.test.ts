import t from 'tap'
import { type PlanOptions, plannedPorts, planStack } from '../src/stack/plan-stack.ts'
import type { StackSecrets } from '../src/stack/secrets.ts'

const secrets: StackSecrets = {
  postgresPassword: 'pg',
  postgresAdminPassword: 'admin',
  redisPassword: 'rd',
  adminToken: 'a'.repeat(64),
  runtimeServiceToken: 'r'.repeat(64),
  jwtSecret: 'j'.repeat(96)
}

const plan = (env: Record<string, string>, options: Partial<PlanOptions> = {}) =>
  planStack({ env: { ENV_FILE: '/dev/null', ...env }, secrets, freePorts: false, redis: 'none', ...options })

t.test('without settings: one of each on the usual ports, and they find each other', async (t) => {
  const { env, apis, runtimes, simulator, postgres, databaseUrl, redisUrl } = await plan({})
  t.same(apis, [{ name: 'api', port: 3001, url: 'http://127.0.0.1:3001' }])
  t.same(runtimes, [{ name: 'runtime', port: 8000, url: 'http://127.0.0.1:8000' }])
  t.same(simulator, { name: 'simulator', port: 4010, url: 'http://127.0.0.1:4010' })
  t.same(postgres, { port: 55_432 })
  t.equal(databaseUrl, 'postgres://semibot:pg@127.0.0.1:55432/semibot')
  t.equal(redisUrl, undefined)
  t.match(env, {
    ADMIN_TOKEN: secrets.adminToken,
    RUNTIME_SERVICE_TOKEN: secrets.runtimeServiceToken,
    JWT_HS256_SECRET: secrets.jwtSecret,
    CHAT_RUNTIME_ENABLED_ORGS: 'dev-runtime',
    RUNTIME_SERVICE_URL: 'http://127.0.0.1:8000',
    LLM_BASE_URL: 'http://127.0.0.1:4010/v1'
  })
})

t.test('with a certificate the runtimes are https:, and the api is told so', async (t) => {
  const { env, runtimes } = await plan({
    RUNTIME_TLS_CERT: '/c.pem',
    RUNTIME_TLS_KEY: '/k.pem',
    RUNTIME_INSTANCES: '2'
  })
  t.same(
    runtimes.map(({ url }) => url),
    ['https://127.0.0.1:8000', 'https://127.0.0.1:8001']
  )
  t.equal(env.RUNTIME_SERVICE_URL, 'https://127.0.0.1:8000,https://127.0.0.1:8001')
})

t.test('what is set wins, from the environment and from the file', async (t) => {
  const folder = t.testdir({ env: 'CHAT_RUNTIME_ENABLED_ORGS=acme\nLLM_BASE_URL="http://model/v1" # ours\n' })
  const { env, simulator, postgres, values, apis } = await plan({
    ENV_FILE: `${folder}/env`,
    ADMIN_TOKEN: 'mine',
    DATABASE_URL: 'postgres://elsewhere/db',
    RUNTIME_SERVICE_URL: 'http://runtime:8000',
    API_HOST: '0.0.0.0'
  })
  t.equal(simulator, undefined, 'a model server is set, so there is no simulator')
  t.equal(postgres, undefined)
  t.match(values, {
    ADMIN_TOKEN: ['mine'],
    CHAT_RUNTIME_ENABLED_ORGS: ['acme'],
    RUNTIME_SERVICE_URL: ['http://runtime:8000']
  })
  t.notHas(env, { CHAT_RUNTIME_ENABLED_ORGS: String }, 'keys of the file are left to the services, which re-read it')
  t.equal(apis[0]?.url, 'http://127.0.0.1:3001', 'the address of all interfaces is none to connect to')
})

t.test('an empty list is a setting', async (t) => {
  const { values } = await plan({ CHAT_RUNTIME_ENABLED_ORGS: '' })
  t.same(values.CHAT_RUNTIME_ENABLED_ORGS, [])
})

t.test('several instances take consecutive ports, and the api gets all runtimes', async (t) => {
  const planned = await plan({ API_INSTANCES: '2', RUNTIME_INSTANCES: '3', API_PORT: '21000', RUNTIME_PORT: '22000' })
  t.same(
    planned.apis.map(({ name, port }) => [name, port]),
    [
      ['api', 21_000],
      ['api-2', 21_001]
    ]
  )
  t.equal(planned.env.RUNTIME_SERVICE_URL, 'http://127.0.0.1:22000,http://127.0.0.1:22001,http://127.0.0.1:22002')
  t.same(
    plannedPorts(planned).map(({ key, port }) => `${key}=${port}`),
    [
      'POSTGRES_PORT=55432',
      'SIMULATOR_PORT=4010',
      'RUNTIME_PORT=22000',
      'RUNTIME_PORT=22001',
      'RUNTIME_PORT=22002',
      'API_PORT=21000',
      'API_PORT=21001'
    ]
  )
})

t.test('free ports replace the defaults, not what is set', async (t) => {
  const planned = await plan({ API_PORT: '21000', API_INSTANCES: '2' }, { freePorts: true })
  t.same(
    planned.apis.map((api) => api.port),
    [21_000, 21_001]
  )
  const others = [planned.runtimes[0]?.port, planned.simulator?.port, planned.postgres?.port]
  t.equal(new Set(others).size, 3)
  t.notOk(others.some((port) => [8000, 4010, 55_432, undefined].includes(port)))
})

t.test('a wrong setting is refused as the services would, with all bad keys at once', async (t) => {
  await t.rejects(plan({ API_PORT: 'high', CHAT_RUNTIME_PERCENT: '101' }), {
    name: 'ConfigError',
    message: /API_PORT[\s\S]*CHAT_RUNTIME_PERCENT/
  })
})
