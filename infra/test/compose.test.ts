import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { API_GROUPS, loadEnv, RUNTIME_GROUPS } from '@semibot/config'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { Ajv } from 'ajv'
import t from 'tap'
import { COMPOSE_FOLDER, type ComposeService, exampleSettings, readCompose } from '../src/compose/read-compose.ts'

const settings = exampleSettings()
const compose = readCompose(settings)
const services = Object.entries(compose.services)
const service = (name: string): ComposeService => compose.services[name] as ComposeService
const OWN = ['migrate', 'runtime', 'api', 'simulator']

function schema(): Record<string, unknown> {
  const path = join(REPOSITORY_ROOT, 'infra/node_modules/dclint/schemas/compose.schema.json')
  const { $schema, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  return rest
}

t.test('the file fits the schema of the Compose specification', async (t) => {
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema())
  t.ok(validate(compose), JSON.stringify(validate.errors))
  const misspelt = structuredClone(compose) as unknown as { services: Record<string, Record<string, unknown>> }
  misspelt.services.api = { ...misspelt.services.api, read_onyl: true }
  t.notOk(validate(misspelt), 'the schema refuses a key that it does not know')
})

t.test('a missing secret stops Compose with the name of the key', async (t) => {
  for (const key of [
    'POSTGRES_PASSWORD',
    'RUNTIME_SERVICE_TOKEN',
    'ADMIN_TOKEN',
    'JWT_HS256_SECRET',
    'GRAFANA_PASSWORD'
  ]) {
    t.throws(() => readCompose({ ...settings, [key]: '' }), { message: new RegExp(`^${key} is not set`) })
  }
})

t.test('the services start with the settings that they get', async (t) => {
  const environment = (name: string) => ({
    NODE_ENV: 'production',
    ENV_FILE: '/dev/null',
    ...service(name).environment
  })
  const api = loadEnv(API_GROUPS, { environment: environment('api') })
  const runtime = loadEnv(RUNTIME_GROUPS, { environment: environment('runtime') })
  t.strictSame([api.warnings, runtime.warnings], [[], []], 'without a warning')
  t.strictSame(runtime.values.RUNTIME_SERVICE_TOKEN, api.values.RUNTIME_SERVICE_TOKEN)
  t.equal(runtime.values.LLM_BASE_URL, 'http://simulator:4010/v1')
  t.ok(
    api.values.SHUTDOWN_GRACE_MS >= api.values.RUNTIME_EXECUTION_TIMEOUT_MS,
    'an execution may end before its process'
  )
  const known = new Set([...API_GROUPS, ...RUNTIME_GROUPS].flatMap((group) => Object.keys(group.keys)))
  const given = ['api', 'runtime'].flatMap((name) => Object.keys(service(name).environment ?? {}))
  t.strictSame(
    given.filter((key) => !known.has(key)),
    [],
    'every key is one that a service reads'
  )
})

t.test('every port is on the loopback, and those of the operations document are there', async (t) => {
  const ports = services.flatMap(([, { ports = [] }]) => ports)
  for (const port of ports) t.match(port, /^127\.0\.0\.1:/)
  for (const port of [
    '5432:5432',
    '6379:6379',
    '8000-8001:8000',
    '3001-3002:3001',
    '9090:9090',
    '9093:9093',
    '3000:3000'
  ]) {
    t.ok(ports.includes(`127.0.0.1:${port}`), port)
  }
})

t.test('every service has a limit, and ours those of the operations document', async (t) => {
  for (const [name, { deploy, volumes = [] }] of services) {
    if (name !== 'migrate') t.ok(deploy?.resources.limits.cpus && deploy.resources.limits.memory, name)
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      t.ok(source.startsWith('.') ? existsSync(resolve(COMPOSE_FOLDER, source)) : source in compose.volumes, volume)
    }
  }
  const limits = (name: string) => service(name).deploy?.resources.limits
  t.strictSame(limits('api'), { cpus: '2', memory: '4G' })
  t.strictSame(limits('runtime'), { cpus: '4', memory: '8G' })
  t.strictSame(limits('postgres'), { cpus: '4', memory: '16G' })
  t.equal(service('api').deploy?.replicas, 2)
  t.equal(service('runtime').deploy?.replicas, 2)
})

t.test('our own containers can change nothing and gain nothing, and end in peace', async (t) => {
  const dockerfile = readFileSync(join(REPOSITORY_ROOT, 'Dockerfile'), 'utf8')
  for (const name of OWN) {
    const own = service(name)
    t.match(own, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }, name)
    t.match(dockerfile, new RegExp(`^FROM base AS ${own.build?.target}$`, 'm'), `${name} is built by Dockerfile`)
    if (name === 'simulator' || name === 'migrate') continue
    const graceMs = Number(own.environment?.SHUTDOWN_GRACE_MS)
    t.ok(
      Number.parseInt(own.stop_grace_period ?? '', 10) * 1000 > graceMs + 15_000,
      `${name} is not killed before its end`
    )
  }
})

t.test('a name stands for each container once, and every image has a version', async (t) => {
  for (const [name, { networks = [], image, depends_on: before = {} }] of services) {
    t.ok(networks.length > 0, `${name} has a network`)
    t.notMatch(image, /:latest$|^[^:]+$/, image)
    for (const [other, { networks: theirs = [] }] of services) {
      if (other !== name)
        t.ok(networks.filter((network) => theirs.includes(network)).length < 2, `${name} and ${other}`)
    }
    for (const needed of Array.isArray(before) ? before : Object.keys(before)) t.ok(needed in compose.services, needed)
  }
})
