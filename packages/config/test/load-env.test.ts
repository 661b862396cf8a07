import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  ALL_GROUPS,
  API_GROUPS,
  CLI_GROUPS,
  ConfigError,
  type EnvSources,
  loadEnv,
  RUNTIME_GROUPS,
  SIMULATOR_GROUPS
} from '../src/index.ts'
import type { KeyGroup } from '../src/key.ts'

const STRONG = '9f3c1a7e5b2d8046af61c3e7920bd4581f6a7c3e'
const PRODUCTION = {
  NODE_ENV: 'production',
  ADMIN_TOKEN: STRONG,
  RUNTIME_SERVICE_TOKEN: STRONG,
  DATABASE_URL: 'postgres://u:p@h/d'
}

function withFile(text: string | undefined, environment: Record<string, string> = {}): EnvSources {
  return { environment, directory: '/srv', readFile: (path) => (path === '/srv/.env' ? text : undefined) }
}

function errorOf(groups: readonly KeyGroup[], sources: EnvSources): ConfigError {
  try {
    loadEnv(groups, sources)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('expected a ConfigError')
}

t.test('the environment wins over the file, the file over the default, and each origin is kept', async (t) => {
  const { values, origins, file } = loadEnv(
    API_GROUPS,
    withFile('API_PORT=3100\nLLM_MODEL=from-file', { API_PORT: '3200' })
  )
  t.match(values, { API_PORT: 3200, LLM_MODEL: 'from-file', RUNTIME_PORT: 8000 })
  t.match(origins, { API_PORT: 'environment', LLM_MODEL: 'file', RUNTIME_PORT: 'default' })
  t.same(file, { path: '/srv/.env', found: true })
})

t.test('any variable is found by name: in the environment, else in the file', async (t) => {
  const { variable } = loadEnv(RUNTIME_GROUPS, withFile('MY_SECRET="from file"\nOTHER=1', { OTHER: '2' }))
  t.same([variable('MY_SECRET'), variable('OTHER'), variable('NOBODY')], ['from file', '2', undefined])
})

t.test('an empty value is not set, except for a list, where it is the empty list', async (t) => {
  const file = 'API_PORT=3100\nCHAT_RUNTIME_ENABLED_ORGS=acme\nRUNTIME_SERVICE_URL=http://r:1'
  const empty = { API_PORT: '', CHAT_RUNTIME_ENABLED_ORGS: '', RUNTIME_SERVICE_URL: '', REDIS_URL: '""' }
  const { values, origins } = loadEnv(API_GROUPS, withFile(file, empty))
  t.match(values, { API_PORT: 3100, CHAT_RUNTIME_ENABLED_ORGS: [], RUNTIME_SERVICE_URL: ['http://r:1'] })
  t.equal(values.REDIS_URL, undefined)
  t.equal(origins.CHAT_RUNTIME_ENABLED_ORGS, 'environment')
})

t.test('the line of the operations document gives 0.7 from the file and from the raw environment', async (t) => {
  const line = '"0.7"  # 从 0.5 提高到 0.7'
  const key = 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD'
  t.equal(loadEnv(API_GROUPS, withFile(`${key}=${line}`)).values[key], 0.7)
  t.equal(loadEnv(API_GROUPS, withFile(undefined, { [key]: line })).values[key], 0.7)
})

t.test('every bad key of both sources is listed at once, with its place and what was expected', async (t) => {
  const file = '# mine\nCHAT_EXECUTION_MODE=direct\nLLM_API_KEY="open\n'
  const error = errorOf(API_GROUPS, withFile(file, { API_PORT: 'x', CHAT_RUNTIME_PERCENT: '200' }))
  t.same(error.problems.map(({ key }) => key).sort(), [
    'API_PORT',
    'CHAT_EXECUTION_MODE',
    'CHAT_RUNTIME_PERCENT',
    'LLM_API_KEY'
  ])
  t.match(error.message, /^The configuration has 4 bad keys:\n/)
  t.match(
    error.message,
    'CHAT_EXECUTION_MODE: "direct" (from /srv/.env line 2); expected one of direct_llm, runtime_orchestrator'
  )
  t.match(error.message, 'API_PORT: "x" (from environment); expected a port')
})

t.test('no secret shows in an error, whatever is wrong with it', async () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9]{6,20}$/).map((text) => `QzX${text}`)
  const suffix = fc.constantFrom(' space', '\u0007', '@', ':', '/', '#')
  fc.assert(
    fc.property(secret, suffix, (secret, suffix) => {
      const password = `${secret}${suffix}`
      const environment = {
        NODE_ENV: 'production',
        API_PORT: 'bad',
        ADMIN_TOKEN: `${password} x,short`,
        RUNTIME_SERVICE_TOKEN: secret,
        LLM_API_KEY: `${password} x`,
        JWT_HS256_SECRET: password.slice(0, 12),
        DATABASE_URL: `postgres://user:${password}@host:notaport/db`,
        REDIS_URL: `http://:${password}@host`,
        LLM_BASE_URL: `http://user:${password}@host/v1`,
        RUNTIME_SERVICE_URL: `http://a, http://user:${password}@b`
      }
      const { message, problems } = errorOf(API_GROUPS, withFile(undefined, environment))
      const all = `${message}${JSON.stringify(problems)}`
      return problems.length >= 9 && !all.includes(secret) && !all.includes(password.slice(0, 12))
    }),
    { numRuns: 200 }
  )
})

const IN_PRODUCTION: readonly [name: string, change: Record<string, string>, keys: string[]][] = [
  ['strong secrets start', {}, []],
  ['no ADMIN_TOKEN', { ADMIN_TOKEN: '' }, ['ADMIN_TOKEN']],
  ['a short ADMIN_TOKEN', { ADMIN_TOKEN: STRONG.slice(0, 31) }, ['ADMIN_TOKEN']],
  ['one short of two', { ADMIN_TOKEN: `${STRONG},short` }, ['ADMIN_TOKEN']],
  ['a placeholder', { ADMIN_TOKEN: 'change-me-change-me-change-me-change-me' }, ['ADMIN_TOKEN']],
  ['a development default', { ADMIN_TOKEN: `dev-${STRONG}` }, ['ADMIN_TOKEN']],
  ['one letter repeated', { ADMIN_TOKEN: 'a'.repeat(40) }, ['ADMIN_TOKEN']],
  ['no service token', { RUNTIME_SERVICE_TOKEN: '' }, ['RUNTIME_SERVICE_TOKEN']],
  ['no database', { DATABASE_URL: '' }, ['DATABASE_URL']],
  [
    'none at all',
    { ADMIN_TOKEN: '', RUNTIME_SERVICE_TOKEN: '', DATABASE_URL: '' },
    ['ADMIN_TOKEN', 'DATABASE_URL', 'RUNTIME_SERVICE_TOKEN']
  ]
]

for (const [name, change, keys] of IN_PRODUCTION) {
  t.test(`in production: ${name}: ${keys.join(', ') || 'nothing'} is refused`, async (t) => {
    const sources = withFile(undefined, { ...PRODUCTION, ...change })
    if (keys.length === 0) t.equal(loadEnv(API_GROUPS, sources).values.NODE_ENV, 'production')
    else
      t.same(
        errorOf(API_GROUPS, sources)
          .problems.map(({ key }) => key)
          .sort(),
        keys
      )
    t.doesNotThrow(() =>
      loadEnv(API_GROUPS, withFile(undefined, { ...PRODUCTION, ...change, NODE_ENV: 'development' }))
    )
  })
}

t.test('a process is only asked for what it reads: the runtime needs no ADMIN_TOKEN, the cli no token', async (t) => {
  const { ADMIN_TOKEN: _unused, ...runtime } = PRODUCTION
  t.doesNotThrow(() => loadEnv(RUNTIME_GROUPS, withFile(undefined, { ...runtime, CHAT_RUNTIME_PERCENT: 'bad' })))
  t.doesNotThrow(() =>
    loadEnv(CLI_GROUPS, withFile(undefined, { NODE_ENV: 'production', DATABASE_URL: 'postgres://h/d' }))
  )
  t.doesNotThrow(() => loadEnv(SIMULATOR_GROUPS, withFile(undefined, { NODE_ENV: 'production' })))
})

t.test('keys are checked against each other', async (t) => {
  const keysOf = (environment: Record<string, string>) => {
    const { problems } = errorOf(ALL_GROUPS, withFile(undefined, environment))
    return problems.map(({ key }) => key)
  }
  t.same(keysOf({ LLM_MODELS: 'a,b', LLM_MODEL: 'c' }), ['LLM_MODEL'])
  t.same(keysOf({ LLM_PROVIDER: 'anthropic', LLM_MODEL: 'm' }), ['LLM_API_KEY'])
  t.same(keysOf({ RUNTIME_MAX_COST_USD: '1' }), ['LLM_PRICES'], 'a limit in money needs prices')
  const twoModels = { RUNTIME_MAX_COST_USD: '0.01', LLM_MODEL: 'a', LLM_MODELS: 'a,b' }
  t.same(keysOf({ ...twoModels, LLM_PRICES: 'a=1/2' }), ['LLM_PRICES'], 'of every model')
  for (const LLM_PRICES of ['a=1/2,b=1/2', 'a=1/2,*=3/4'])
    t.doesNotThrow(() => loadEnv(ALL_GROUPS, withFile(undefined, { ...twoModels, LLM_PRICES })), LLM_PRICES)
  t.same(keysOf({ API_PORT: '8000' }), ['RUNTIME_PORT'])
  t.same(keysOf({ API_PORT: '7998', API_INSTANCES: '3' }), ['RUNTIME_PORT'])
  t.same(keysOf({ SIMULATOR_PORT: '55432' }), ['POSTGRES_PORT'])
})

t.test('a default follows the key that it is derived from', async (t) => {
  const read = (environment: Record<string, string>) => loadEnv(ALL_GROUPS, withFile(undefined, environment)).values
  t.same(read({ LLM_MODEL: 'm1' }).LLM_MODELS, ['m1'])
  t.equal(read({ SIMULATOR_PORT: '4011' }).LLM_BASE_URL, 'http://127.0.0.1:4011/v1')
  t.equal(read({ LLM_PROVIDER: 'openai', LLM_API_KEY: 'k' }).LLM_BASE_URL, 'https://api.openai.com/v1')
  t.equal(read({ POSTGRES_PORT: '55433' }).DATABASE_URL, 'postgres://semibot@127.0.0.1:55433/semibot')
})

t.test('values that make no sense together are warned about and start', async (t) => {
  const environment = { RUNTIME_STALL_TIMEOUT_MS: '900', RUNTIME_EXECUTION_TIMEOUT_MS: '60000' }
  const { warnings } = loadEnv(API_GROUPS, withFile(undefined, environment))
  t.match(warnings, [
    /^CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS is "300000"; expected less than/,
    /^RUNTIME_STALL_TIMEOUT_MS is "900"/
  ])
})

t.test('certificate and key of the runtime come together or not at all', async (t) => {
  const load = (environment: Record<string, string>) => () => loadEnv(RUNTIME_GROUPS, withFile(undefined, environment))
  t.throws(load({ RUNTIME_TLS_CERT: '/c.pem' }), { message: /RUNTIME_TLS_KEY: not set; expected a file path/ })
  t.throws(load({ RUNTIME_TLS_KEY: '/k.pem' }), { message: /RUNTIME_TLS_CERT: not set; expected a file path/ })
  t.doesNotThrow(load({ RUNTIME_TLS_CERT: '/c.pem', RUNTIME_TLS_KEY: '/k.pem' }))
})

t.test('unknown keys with our prefixes are reported with the nearest known one', async (t) => {
  const file =
    'CHAT_EXECUTON_MODE=x\nAPI_PROT=1\nCOMPOSE_PROJECT_NAME=x\nRUNTIME_URL=http://r\nCHAT_RUNTIME_TIMEOUT_MS=1'
  const environment = { LLM_MODLE: 'm', RUNTIME_URL: 'http://r', chat_runtime_percent: '5', LLM_ZZZZ: '', PATH: '/bin' }
  const { warnings } = loadEnv(API_GROUPS, withFile(file, environment))
  t.same(warnings, [
    'LLM_MODLE in the environment is not a known key; did you mean LLM_MODEL?',
    'chat_runtime_percent in the environment is not a known key; did you mean CHAT_RUNTIME_PERCENT?',
    'CHAT_EXECUTON_MODE in /srv/.env line 1 is not a known key; did you mean CHAT_EXECUTION_MODE?',
    'API_PROT in /srv/.env line 2 is not a known key; did you mean API_PORT?',
    'RUNTIME_URL in /srv/.env line 4 is not a known key; did you mean RUNTIME_SERVICE_URL?',
    'CHAT_RUNTIME_TIMEOUT_MS in /srv/.env line 5 is not a known key; did you mean CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS?'
  ])
})

t.test('a prefix alone suggests nothing', async (t) => {
  const { warnings } = loadEnv(API_GROUPS, withFile(undefined, { LLM_QQQQQQQQ: '1', CHAT_: '1' }))
  t.same(warnings, [
    'LLM_QQQQQQQQ in the environment is not a known key',
    'CHAT_ in the environment is not a known key'
  ])
})

t.test('odd lines of the file are warned about', async (t) => {
  const { warnings, values } = loadEnv(
    API_GROUPS,
    withFile('API_PORT 3100\nAPI_PORT=1\nAPI_PORT=2\nENV_FILE=./x\nOTHER="open')
  )
  t.equal(values.API_PORT, 2)
  t.match(warnings, [
    /line 1 is not KEY=value/,
    /API_PORT in .* line 3 is set again; line 2 is ignored/,
    /OTHER in .* line 5 has a quote/,
    /ENV_FILE in .* line 4 is ignored/
  ])
})

t.test('with files on the disk', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'semibot-config-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const named = join(directory, 'api.env')
  writeFileSync(named, 'API_PORT=3101\n')
  writeFileSync(join(directory, '.env'), 'API_PORT=3102\n')

  t.equal(loadEnv(API_GROUPS, { environment: {}, directory }).values.API_PORT, 3102, './.env is the default')
  t.equal(
    loadEnv(API_GROUPS, { environment: { ENV_FILE: 'api.env' }, directory }).values.API_PORT,
    3101,
    'ENV_FILE names another'
  )
  t.equal(loadEnv(API_GROUPS, { environment: { ENV_FILE: '/dev/null' }, directory }).values.API_PORT, 3001)
  t.equal(loadEnv(API_GROUPS, { environment: {}, directory: '/' }).file.found, false, 'no file is fine')

  const missing = errorOf(API_GROUPS, { environment: { ENV_FILE: 'none.env' }, directory })
  t.match(missing.message, /ENV_FILE: ".*none\.env" \(from environment\); expected a file that exists/)
  t.match(
    errorOf(API_GROUPS, { environment: { ENV_FILE: directory } }).message,
    /expected a readable file \(it is a folder\)/
  )
  writeFileSync(join(directory, 'big.env'), '#'.repeat(1024 * 1024 + 1))
  t.match(errorOf(API_GROUPS, { environment: { ENV_FILE: 'big.env' }, directory }).message, /larger than 1048576 bytes/)
  chmodSync(named, 0o600)
})

t.test('reads process.env and the working directory when nothing is given', async (t) => {
  const before = process.env.API_PORT
  t.teardown(() => {
    if (before === undefined) delete process.env.API_PORT
    else process.env.API_PORT = before
  })
  process.env.API_PORT = '3333'
  const { values, file } = loadEnv(SIMULATOR_GROUPS)
  t.equal(values.API_PORT, 3333)
  t.equal(file.path, join(process.cwd(), '.env'))
})
