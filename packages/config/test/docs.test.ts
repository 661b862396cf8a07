import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  ALL_GROUPS,
  databaseUrlFromPgVariables,
  describeKeys,
  loadEnv,
  maskPassword,
  parseEnvFile,
  renderEnvExample,
  renderKeyTable
} from '../src/index.ts'

t.test('.env.example at the root is what semibot config example prints', async (t) => {
  const file = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8')
  t.equal(file, renderEnvExample(), 'run: semibot config example > .env.example')
})

t.test('a copy of .env.example changes nothing', async (t) => {
  t.same({ ...parseEnvFile(renderEnvExample()).values }, {})
})

t.test('.env.example with every line made active has every key, and the defaults', async (t) => {
  const active = renderEnvExample().replace(/^#([A-Z][A-Z0-9_]*=)/gm, '$1')
  t.same(
    Object.keys(parseEnvFile(active).values).toSorted((a, b) => a.localeCompare(b)),
    describeKeys()
      .map(({ key }) => key)
      .toSorted((a, b) => a.localeCompare(b))
  )
  const readFile = () => active.replace('ENV_FILE=./.env\n', '')
  t.same(
    loadEnv(ALL_GROUPS, { environment: {}, readFile }).values,
    loadEnv(ALL_GROUPS, { environment: {}, readFile: () => undefined }).values
  )
})

t.test('the table of keys has one row per key, and a choice of them in the order asked for', async (t) => {
  const rows = renderKeyTable().match(/^\| `[A-Z_0-9]+` \|/gm)
  t.equal(rows?.length, describeKeys().length)
  t.match(
    renderKeyTable(['LLM_MODEL', 'API_PORT']),
    /^\| key .*\n\|---.*\n\| `LLM_MODEL` \| `simulator` .*\n\| `API_PORT` \| `3001` .*\n$/
  )
  t.throws(() => renderKeyTable(['NOPE']), /unknown key NOPE/)
  for (const line of renderKeyTable().split('\n')) {
    if (line.startsWith('|')) t.equal(line.replaceAll('\\|', '').split('|').length, 6, line)
  }
})

const PG: readonly [variables: Record<string, string>, url: string | undefined][] = [
  [{}, undefined],
  [{ PGPASSWORD: 'only' }, undefined],
  [
    { PGHOST: '127.0.0.1', PGPORT: '55432', PGUSER: 'semibot', PGPASSWORD: 'p@ss/w:rd', PGDATABASE: 'semibot' },
    'postgres://semibot:p%40ss%2Fw%3Ard@127.0.0.1:55432/semibot'
  ],
  [{ PGHOST: 'db' }, 'postgres://semibot@db:5432/semibot'],
  [{ PGUSER: 'ann' }, 'postgres://ann@127.0.0.1:5432/ann'],
  [{ PGHOST: '::1' }, 'postgres://semibot@[::1]:5432/semibot'],
  [
    { PGHOST: '/var/run/postgresql', PGPASSWORD: 'x' },
    'postgres://semibot:x@/semibot?host=%2Fvar%2Frun%2Fpostgresql&port=5432'
  ]
]

for (const [variables, url] of PG) {
  t.test(`psql's variables ${JSON.stringify(variables)} give ${url}`, async (t) => {
    t.equal(databaseUrlFromPgVariables(variables), url)
    const environment = { DATABASE_URL: url ?? '' }
    t.doesNotThrow(() => loadEnv(ALL_GROUPS, { environment, readFile: () => undefined }), 'and it is accepted')
  })
}

const MASKED: readonly [url: string, masked: string][] = [
  ['postgres://u:p@h/d', 'postgres://u:***@h/d'],
  ['postgres://u:p@ss@h/d', 'postgres://u:***@h/d'],
  ['redis://:p@h', 'redis://:***@h'],
  ['postgres://u@h/d', 'postgres://u@h/d'],
  ['postgres://u:$&$1@h/d', 'postgres://u:***@h/d'],
  ['u:p@h:5432/d', 'u:***@h:5432/d'],
  ['http://a:8000, u:p@b', 'http://a:***@b'],
  ['https://a, u:p@b', 'https://a, u:***@b'],
  ['host:8000', 'host:8000'],
  ['postgres://h/d?user=u&password=p&sslmode=on', 'postgres://h/d?user=u&password=***&sslmode=on'],
  ['http://h/v1', 'http://h/v1']
]

for (const [url, masked] of MASKED) {
  t.test(`${url} is shown as ${masked}`, async (t) => {
    t.equal(maskPassword(url), masked)
  })
}
