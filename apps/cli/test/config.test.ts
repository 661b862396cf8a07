import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { json, ROOT, semibot, semibotHere } from './fixtures/semibot.ts'

interface Shown {
  keys: { key: string; value: string | null; origin: string; where: string; ok: boolean }[]
  problems: unknown[]
  warnings: string[]
}

function folderWith(t: { teardown(cleanUp: () => void): void }, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'semibot-cli-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, '.env'), text)
  return directory
}

t.test('config show prints every key with its origin, secrets masked', async (t) => {
  const directory = folderWith(
    t,
    '# mine\nCHAT_RUNTIME_ERROR_RATE_THRESHOLD="0.7"  # raised\nLLM_API_KEY=sk-geheim\nLLM_MODEEL=x\n'
  )
  const env = { API_PORT: '3100', REDIS_URL: 'redis://:geheim@h' }
  const outcome = await semibot(['config', 'show'], env, directory)
  t.equal(outcome.code, 0)
  t.match(outcome.stdout, /^API_PORT +3100 +environment$/m)
  t.match(outcome.stdout, /^CHAT_RUNTIME_ERROR_RATE_THRESHOLD +0\.7 +.*\.env line 2$/m)
  t.match(outcome.stdout, /^LLM_API_KEY +\*\*\* \(9 characters\) +.*\.env line 3$/m)
  t.match(outcome.stdout, /^REDIS_URL +redis:\/\/:\*\*\*@h +environment$/m)
  t.match(outcome.stdout, /^RUNTIME_PORT +8000 +default$/m)
  t.match(outcome.stdout, /^JWT_ISSUER +\(unset\) +default$/m)
  t.match(outcome.stdout, /^CORS_ORIGINS +\(empty\) +default$/m)
  t.match(outcome.stderr, /^warning: LLM_MODEEL in .*; did you mean LLM_MODEL\?\n$/)
  t.notMatch(outcome.stdout + outcome.stderr, /geheim/)

  const { keys } = json<Shown>(await semibot(['config', 'show', '--changed', '--json'], env, directory))
  t.same(
    new Set(keys.map(({ key }) => key)),
    new Set(['API_PORT', 'CHAT_RUNTIME_ERROR_RATE_THRESHOLD', 'LLM_API_KEY', 'REDIS_URL'])
  )
})

t.test('config show of a bad configuration shows what is there and fails', async (t) => {
  const directory = folderWith(t, 'CHAT_EXECUTION_MODE=direct\n')
  const outcome = await semibot(['config', 'show'], { CHAT_RUNTIME_PERCENT: '200' }, directory)
  t.equal(outcome.code, 1)
  t.match(outcome.stdout, /^CHAT_EXECUTION_MODE +"direct" {2}<- bad +.*\.env line 1$/m)
  t.match(outcome.stderr, /^semibot: The configuration has 2 bad keys:\n/)
  const { keys, problems } = json<Shown>(
    await semibot(['config', 'show', '--json'], { CHAT_RUNTIME_PERCENT: '200' }, directory)
  )
  t.equal(problems.length, 2)
  t.same(
    keys.filter(({ ok }) => !ok).map(({ key }) => key),
    ['CHAT_EXECUTION_MODE', 'CHAT_RUNTIME_PERCENT']
  )
})

t.test('config show of a bad URL does not show what may be its password', async (t) => {
  const outcome = await semibotHere(['config', 'show'], { DATABASE_URL: 'postgres://user:geheim/db' })
  t.match(outcome.stdout, /^DATABASE_URL +"postgres:\/\/\*\*\*" \(25 characters\) {2}<- bad/m)
  t.notMatch(outcome.stdout + outcome.stderr, /geheim/)
})

t.test('config example prints .env.example', async (t) => {
  const { stdout, code } = await semibot(['config', 'example'])
  t.equal(code, 0)
  t.equal(stdout, readFileSync(join(ROOT, '.env.example'), 'utf8'))
})

t.test('config docs prints a table of the keys asked for, in their order, or of all', async (t) => {
  const some = await semibot(['config', 'docs', 'LLM_MODEL', 'API_PORT'])
  t.match(some.stdout.split('\n').slice(2), [/^\| `LLM_MODEL` \|/, /^\| `API_PORT` \|/, ''])
  t.match(json(await semibot(['config', 'docs', 'API_PORT', '--json'])), [{ key: 'API_PORT', default: '3001' }])
  t.match((await semibot(['config', 'docs'])).stdout, /^### npm start\n/)
})
