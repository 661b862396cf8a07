import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { semibot, semibotHere } from './fixtures/semibot.ts'

const ONE_LINE = /^semibot: [^\n]+\n$/

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  const { promise, resolve } = Promise.withResolvers<void>()
  server.on('listening', resolve)
  await promise
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

t.test('a database that refuses is named without its password, in one line', async (t) => {
  const url = `postgres://ann:geheim@127.0.0.1:${await unusedPort()}/db`
  for (const args of [
    ['orgs', 'list'],
    ['db', 'migrate'],
    ['db', 'status']
  ]) {
    const { code, stdout, stderr } = await semibotHere(args, { DATABASE_URL: url })
    t.match({ code, stdout, stderr }, { code: 1, stdout: '', stderr: ONE_LINE }, args.join(' '))
    t.match(
      stderr,
      /ECONNREFUSED .*postgres:\/\/ann:\*\*\*@127\.0\.0\.1:\d+\/db, from DATABASE_URL, environment.*npm start/
    )
    t.notMatch(stderr, /geheim/)
  }
})

t.test('a wrong password and a missing database say what to do', async (t) => {
  const url = new URL(await createTestDatabase(t))
  url.password = 'wrong'
  const refused = await semibot(['orgs', 'list'], { DATABASE_URL: url.href })
  t.match(refused, { code: 1, stderr: ONE_LINE })
  t.match(refused.stderr, /password authentication failed .*check the password in DATABASE_URL/)

  const missing = new URL(await createTestDatabase(t))
  missing.pathname = '/there_is_no_such_database'
  const unknown = await semibotHere(['db', 'status'], { DATABASE_URL: missing.href })
  t.match(unknown, { code: 1, stderr: /"there_is_no_such_database" does not exist .*create it/ })
})

t.test('a stack trace is only shown with --debug', async (t) => {
  const env = { DATABASE_URL: `postgres://127.0.0.1:${await unusedPort()}/db` }
  t.notMatch((await semibotHere(['orgs', 'list'], env)).stderr, /\n\s+at /)
  t.match((await semibotHere(['orgs', 'list', '--debug'], env)).stderr, /\n\s+at /)
  t.match((await semibotHere(['--debug', 'orgs', 'list'], env)).stderr, /\n\s+at /, 'also in front of the command')
})

t.test('a bad configuration lists every bad key', async (t) => {
  const outcome = await semibotHere(['orgs', 'list'], { API_PORT: 'x', DATABASE_URL: 'mysql://ann:geheim@h/d' })
  t.match(outcome, {
    code: 1,
    stderr: /^semibot: The configuration has 2 bad keys:\n {2}API_PORT: .*\n {2}DATABASE_URL: .*\n$/
  })
  t.notMatch(outcome.stderr, /geheim/)
})

const WRONG: readonly (readonly string[])[] = [
  ['nope'],
  ['orgs'],
  ['orgs', 'nope'],
  ['orgs', 'create'],
  ['orgs', 'create', 'Upper'],
  ['orgs', 'create', '01a202b6-de2b-7782-8a32-85ffa6c8fab2'],
  ['orgs', 'create', 'ok', '--name', ' '],
  ['orgs', 'list', '--limit', '0'],
  ['orgs', 'list', 'surplus'],
  ['keys', 'create', 'acme', '--role', 'owner'],
  ['keys', 'create', 'acme', '--name', 'line\nfeed'],
  ['keys', 'revoke', 'acme'],
  ['db', 'retention', '--days', '0'],
  ['db', 'retention', '--days', '1.5'],
  ['db', 'partitions', '--months-ahead', '25'],
  ['config', 'docs', 'NOPE'],
  ['--nope']
]

for (const args of WRONG) {
  t.test(`semibot ${args.join(' ')} is a wrong command line: exit code 2, without touching anything`, async (t) => {
    const { code, stdout, stderr } = await semibotHere(args, { DATABASE_URL: 'postgres://127.0.0.1:1/none' })
    t.match({ code, stdout }, { code: 2, stdout: '' })
    t.match(stderr, /^(semibot: |Usage: semibot )/)
    t.notMatch(stderr, /\n\s+at |ECONNREFUSED/)
  })
}

const HELP: readonly (readonly string[])[] = [
  [],
  ['--help'],
  ['help', 'orgs'],
  ['orgs', '--help'],
  ['orgs', 'create', '--help'],
  ['keys', 'create', '--help'],
  ['db', 'retention', '-h'],
  ['dev', 'seed', '--help'],
  ['doctor', '--help'],
  ['config', 'show', '--help']
]

for (const args of HELP) {
  t.test(`semibot ${args.join(' ')} prints help and is done`, async (t) => {
    t.match(await semibotHere(args), {
      code: 0,
      stdout: /^Usage: semibot [\s\S]*--json +print the result as JSON/,
      stderr: ''
    })
  })
}

t.test('where the database comes from: psql variables, then dev.env, in that order', async (t) => {
  const url = new URL(await createTestDatabase(t))
  const directory = mkdtempSync(join(tmpdir(), 'semibot-cli-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const variables = {
    PGHOST: url.hostname,
    PGPORT: url.port,
    PGUSER: url.username,
    PGPASSWORD: url.password,
    PGDATABASE: url.pathname.slice(1)
  }
  const status = (env: Record<string, string>) => semibot(['db', 'status'], env, directory)
  t.match(await status(variables), {
    code: 0,
    stdout: /from PGHOST and the like|PGHOST and the like in the environment/
  })
  t.match(await status({ ...variables, NODE_ENV: 'production' }), { code: 0 })

  const lines = Object.entries(variables).map(([key, value]) => `export ${key}='${value}'\n`)
  writeFileSync(join(directory, 'dev.env'), lines.join(''))
  t.match(await status({ SEMIBOT_HOME: directory }), { code: 0, stdout: /dev\.env\)/ })
  const production = await status({ SEMIBOT_HOME: directory, NODE_ENV: 'production' })
  t.match(production, { code: 1, stderr: /DATABASE_URL: .*expected the URL of the production database/ })

  writeFileSync(join(directory, '.env'), `DATABASE_URL=${url.href}\n`)
  t.match(await status({ PGHOST: 'other.invalid' }), { code: 0, stdout: /\(DATABASE_URL, file\)/ })
})
