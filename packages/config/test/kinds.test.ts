import fc from 'fast-check'
import t from 'tap'
import { describeKeys } from '../src/describe-keys.ts'
import { ALL_GROUPS, type AllEnv } from '../src/groups.ts'
import { inspectEnv, loadEnv } from '../src/load-env.ts'

const noFile = { readFile: () => undefined }

function read(environment: Record<string, string>): AllEnv {
  return loadEnv(ALL_GROUPS, { environment, ...noFile }).values
}

const GOOD: readonly [key: keyof AllEnv, text: string, value: unknown][] = [
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '0.7', 0.7],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '"0.7"  # raised', 0.7],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', ' .5 ', 0.5],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '5e-1', 0.5],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '0', 0],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '1', 1],
  ['CHAT_RUNTIME_PERCENT', '0.5', 0.5],
  ['API_PORT', '0', 0],
  ['API_PORT', '-0', 0],
  ['API_PORT', '65535', 65_535],
  ['API_HOST', '::1', '::1'],
  ['API_HOST', 'api.internal', 'api.internal'],
  ['CHAT_EXECUTION_MODE', "'runtime_orchestrator'", 'runtime_orchestrator'],
  ['CHAT_RUNTIME_ENABLED_ORGS', ' acme , , beta,acme,', ['acme', 'beta']],
  ['CHAT_RUNTIME_ENABLED_ORGS', '""', []],
  ['CHAT_RUNTIME_ENABLED_ORGS', '', []],
  ['CHAT_RUNTIME_DISABLED_ORGS', '0199f3a2-7c1e-7000-8000-000000000001', ['0199f3a2-7c1e-7000-8000-000000000001']],
  ['RUNTIME_SERVICE_URL', 'http://a:8000/, https://b', ['http://a:8000', 'https://b']],
  ['RUNTIME_SERVICE_URL', '', ['http://127.0.0.1:8000']],
  ['RUNTIME_SERVICE_TOKEN', 'new,old', ['new', 'old']],
  ['LLM_BASE_URL', 'https://models.example.com/openai/v1//', 'https://models.example.com/openai/v1'],
  ['LLM_API_KEY', '', undefined],
  ['METRICS_PORT', '9101', 9101],
  ['METRICS_PORT', '', undefined],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector:4318/', 'http://collector:4318'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=Bearer%20abc=, x-team=a b', 'authorization=Bearer%20abc=, x-team=a b'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=', 'deployment.environment.name='],
  ['OTEL_TRACES_SAMPLER_ARG', '0.25', 0.25],
  ['LLM_PRICES', '', []],
  [
    'LLM_PRICES',
    'small=0.15/0.6, a/b=c=3/15/0.3 ,*=1/0',
    [
      { model: 'small', input: 0.15, output: 0.6 },
      { model: 'a/b=c', input: 3, output: 15, cachedInput: 0.3 },
      { model: '*', input: 1, output: 0 }
    ]
  ],
  ['LLM_API_KEY', '"sk-1"', 'sk-1'],
  ['REDIS_URL', 'rediss://:p%40ss@h:6380/2', 'rediss://:p%40ss@h:6380/2'],
  ['DATABASE_URL', 'postgresql://u:p@h/db?sslmode=require', 'postgresql://u:p@h/db?sslmode=require'],
  ['DATABASE_URL', 'postgres://u:p@/db?host=/var/run/postgresql', 'postgres://u:p@/db?host=/var/run/postgresql'],
  [
    'CORS_ORIGINS',
    'https://App.example.com/,http://localhost:5173',
    ['https://app.example.com', 'http://localhost:5173']
  ],
  ['TRUST_PROXY', 'loopback, 10.0.0.0/8, fd00::/8', ['loopback', '10.0.0.0/8', 'fd00::/8']],
  ['METRICS_TOKEN', 'with # inside', 'with # inside'],
  ['JWT_HS256_SECRET', 'é'.repeat(16), 'é'.repeat(16)]
]

for (const [key, text, value] of GOOD) {
  t.test(`${key}=${text} is ${JSON.stringify(value)}`, async (t) => {
    t.strictSame(read({ [key]: text })[key], value)
  })
}

const BAD: readonly [key: keyof AllEnv, text: string][] = [
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'abc'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=50%'],
  ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '70'],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '70%'],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '0,7'],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', '-0.1'],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', 'NaN'],
  ['CHAT_RUNTIME_ERROR_RATE_THRESHOLD', 'abc'],
  ['CHAT_RUNTIME_PERCENT', '101'],
  ['API_PORT', '65536'],
  ['API_PORT', '3001.5'],
  ['API_PORT', '0x10'],
  ['API_PORT', '1e3'],
  ['API_PORT', '٣'],
  ['API_HOST', 'not a host'],
  ['API_HOST', '-x'],
  ['CHAT_EXECUTION_MODE', 'direct'],
  ['CHAT_EXECUTION_MODE', 'Direct_LLM'],
  ['NODE_ENV', 'staging'],
  ['LOG_LEVEL', 'verbose'],
  ['CHAT_HISTORY_MESSAGES', '-1'],
  ['CHAT_MAX_IN_FLIGHT', '0'],
  ['CHAT_RUNTIME_MIN_SAMPLES', '1001'],
  ['CHAT_RUNTIME_ENABLED_ORGS', 'a b'],
  ['CHAT_RUNTIME_ENABLED_ORGS', 'good,"bad"'],
  ['RUNTIME_EXECUTION_TIMEOUT_MS', '0'],
  ['RUNTIME_EXECUTION_TIMEOUT_MS', 'Infinity'],
  ['RUNTIME_EXECUTION_TIMEOUT_MS', '2147483648'],
  ['RUNTIME_SERVICE_URL', 'localhost:8000'],
  ['RUNTIME_SERVICE_URL', 'http://h:8000/path'],
  ['RUNTIME_SERVICE_URL', 'http://user:pw@h:8000'],
  ['RUNTIME_SERVICE_URL', 'ftp://h'],
  ['RUNTIME_SERVICE_URL', ' , '],
  ['LLM_BASE_URL', 'http://u:p@h/v1'],
  ['LLM_BASE_URL', 'http://h/v1?key=1'],
  ['LLM_API_KEY', 'two words'],
  ['LLM_MODELS', 'a b'],
  ['LLM_PRICES', 'm'],
  ['LLM_PRICES', 'm=1'],
  ['LLM_PRICES', '=1/2'],
  ['LLM_PRICES', 'm=1/2/3/4'],
  ['LLM_PRICES', 'm=-1/2'],
  ['LLM_PRICES', 'm=$1/$2'],
  ['LLM_PRICES', 'm=1/100001'],
  ['LLM_PRICES', 'm=1/2,m=3/4'],
  ['RUNTIME_MAX_COST_USD', '-1'],
  ['RUNTIME_MAX_COST_USD', '10001'],
  ['RUNTIME_MAX_COST_USD', '1 USD'],
  ['REDIS_URL', 'http://h'],
  ['DATABASE_URL', 'mysql://h/db'],
  ['DATABASE_URL', 'postgres://u:p@/db'],
  ['DATABASE_URL', 'host=localhost'],
  ['CORS_ORIGINS', '*'],
  ['TRUST_PROXY', 'true'],
  ['TRUST_PROXY', '10.0.0.0/33'],
  ['METRICS_TOKEN', 'short'],
  ['JWT_HS256_SECRET', 'x'.repeat(31)],
  ['ADMIN_TOKEN', 'two words'],
  ['API_INSTANCES', '0']
]

for (const [key, text] of BAD) {
  t.test(`${key}=${text} is refused by its name`, async (t) => {
    const { problems } = inspectEnv(ALL_GROUPS, { environment: { [key]: text }, ...noFile })
    t.match(problems, [{ key, origin: 'environment', where: 'environment', expected: /\w/ }])
    t.equal(problems.length, 1)
  })
}

t.test('a bad item of a list is named with its number', async (t) => {
  const environment = { CHAT_RUNTIME_ENABLED_ORGS: `${'good,'.repeat(3)}b ad,more` }
  const [problem] = inspectEnv(ALL_GROUPS, { environment, ...noFile }).problems
  t.match(problem?.shownValue, /^item 4, "b ad", of "/)
})

t.test('every number that is accepted is finite, whatever the text', async () => {
  const texts = fc.oneof(fc.string({ maxLength: 8 }), fc.double().map(String), fc.integer().map(String))
  const numeric = describeKeys().filter(({ type }) => type === 'integer' || type === 'number')
  fc.assert(
    fc.property(fc.constantFrom(...numeric), texts, ({ key }, text) => {
      const { readings } = inspectEnv(ALL_GROUPS, { environment: { [key]: text }, ...noFile })
      const { value, problem } = readings.get(key)!
      const unset = text.trim() === '' && value === undefined
      return problem !== undefined || unset || (Number.isFinite(value) && (value as number) >= 0)
    }),
    { numRuns: 500 }
  )
})

t.test('there are at most 75 keys, and every default is accepted by its own schema', async (t) => {
  const { problems, readings } = inspectEnv(ALL_GROUPS, { environment: {}, ...noFile })
  t.same(problems, [])
  t.ok(readings.size <= 75, `${readings.size} keys`)
  for (const { key, doc } of describeKeys()) t.match(doc, /^[A-Za-z].*\.$/, `${key} is documented in sentences`)
})
