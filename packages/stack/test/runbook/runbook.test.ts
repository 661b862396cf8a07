import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { freePort } from '../../src/claim.ts'
import { REPOSITORY_ROOT } from '../../src/paths.ts'
import { devVariables, writeDevEnv } from '../../src/stack/dev-env.ts'
import { startStack } from '../../src/stack/start-stack.ts'
import { bareEnvironment, createTestDatabase, missingPrometheus, waitFor } from '../../src/test.ts'
import { type ShellResult, shellIn } from '../docs/fixtures/shell.ts'
import { assignments, type Expectation, type RunbookBlock, runbookBlocks } from './fixtures/blocks.ts'
import { chat, orderReset, untilFallback } from './fixtures/incident.ts'
import { runbookPath } from './fixtures/programs.ts'
import { startDocumentPrometheus } from './fixtures/prometheus.ts'
import { serve } from './fixtures/serve.ts'

/*
 * Every fenced block of the operations documents, on a stack as npm start brings it up, during and after an
 * incident: the runtime is killed, chats go on without it, and it comes back. Shell blocks run in bash, expressions and
 * rules in a Prometheus that scrapes the stack, SQL in a database of its own.
 */

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8')
const runbook = runbookBlocks(read('docs/runtime-observability.md'))
const cutover = runbookBlocks(read('docs/chat-runtime-cutover.md'))

/** The blocks that are not run here, by the word in the comment above each, and the check that stands in for it. */
const NOT_RUN: Record<string, { reason: string; blocks: number }> = {
  supervisor: { reason: 'needs systemd or pm2: infra/slow runs the units and the pm2 file', blocks: 1 },
  drill: { reason: 'starts a system of its own: apps/cli/test/drill.test.ts and infra/slow/drill.test.ts', blocks: 1 },
  figures: { reason: 'measures for minutes', blocks: 1 }
}

const home = mkdtempSync(join(tmpdir(), 'semibot-runbook-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))
// Run by root, PostgreSQL is another user, who must get to its data in here.
if (process.getuid?.() === 0) chmodSync(home, 0o711)
const settings = join(home, 'settings.env')
writeFileSync(settings, 'CHAT_RUNTIME_ENABLED_ORGS="dev-runtime"\n')

const stack = await startStack({
  home,
  env: { ...bareEnvironment(), ENV_FILE: settings },
  freePorts: true,
  fast: true,
  redis: 'unpacked',
  restart: true,
  logFolder: join(home, 'logs')
})
t.teardown(() => stack.stop())
writeDevEnv(stack)
const path = [process.env.PATH, ...(await runbookPath())].join(delimiter)
const shell = shellIn(t, home, { PATH: path, TERM: 'dumb' })

const yaml = runbook.filter(({ language }) => language === 'yaml').map(({ text }) => text)
const prometheus = missingPrometheus()
  ? undefined
  : await startDocumentPrometheus(stack, join(home, 'observation'), yaml)
t.teardown(() => prometheus?.stop())

// What is deleted is none of the stack's.
const spareDatabase = await createTestDatabase(t)

/** All that is changed in a block before it runs: where things are, and that `watch` and `top` look once. */
const SUBSTITUTIONS: readonly [what: string, by: string][] = [
  ['http://localhost:3001', stack.urls.api[0] ?? ''],
  ['http://localhost:8000', stack.urls.runtime[0] ?? ''],
  ['/var/log/semibot/', `${home}/logs/`],
  ['watch -n 5 ', 'bash -c '],
  ['top -p', 'top -b -n 1 -p'],
  ['redis-cli ', `redis-cli -p ${stack.plan.redis?.port} `],
  // Other runtimes may run on this machine.
  ['pgrep -d, -f', `pgrep -P ${process.pid} -d, -f`]
]

function placed(text: string): string {
  return SUBSTITUTIONS.reduce((block, [what, by]) => block.replaceAll(what, by), text)
}

async function runBlock({ text, language, directive }: RunbookBlock): Promise<ShellResult> {
  if (directive?.kind === 'serves') return await runServer(text, directive)
  if (language === 'sql') return await shell.run(`psql '${spareDatabase}' 2>&1 <<'SQL'\n${text}SQL`)
  if (language === 'bash' || language === 'sh') return await shell.run(`source .semibot/dev.env\n${placed(text)}`)
  const stdout = (await prometheus?.run(language, text)) ?? ''
  return { exitCode: 0, stdout, stderr: '', headers: [] }
}

/** A runtime beside that of the stack, with the settings that its .env would have. */
async function runServer(
  text: string,
  { url, withinMs, after }: { url: string; withinMs: number; after: Expectation }
): Promise<ShellResult> {
  const port = await freePort()
  const { RUNTIME_SERVICE_TOKEN, LLM_BASE_URL } = stack.env
  const env = { ...devVariables(stack), RUNTIME_PORT: String(port), RUNTIME_SERVICE_TOKEN, LLM_BASE_URL }
  const isDone = (result: ShellResult): boolean => unmet(result, after).length === 0
  const own = { DATABASE_URL: stack.urls.database, ENV_FILE: '/dev/null' } as Record<string, string>
  return await serve(shell, text, {
    url: url.replace('8000', String(port)),
    env: { ...env, ...own } as never,
    withinMs,
    isDone
  })
}

function unmet({ stdout }: ShellResult, { wanted, unwanted }: Expectation): string[] {
  return [
    ...wanted.filter((pattern) => !pattern.test(stdout)).map((pattern) => `missing: ${pattern}`),
    ...unwanted.filter((pattern) => pattern.test(stdout)).map((pattern) => `not wanted: ${pattern}`)
  ]
}

/** Runs it, again and again where the document gives the outcome some time. */
async function follows(t: Test, block: RunbookBlock, expectation: Expectation, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs
  for (;;) {
    const result = await runBlock(block)
    const problems = unmet(result, expectation)
    const isDone = result.exitCode === 0 && problems.length === 0
    if (!isDone && performance.now() < end) {
      await pause(250)
      continue
    }
    t.strictSame(problems, [], `${result.stdout.slice(0, 2000)}\n${result.stderr}`)
    t.equal(result.exitCode, 0, `exit code; ${result.stderr}`)
    return
  }
}

/** Blocks that need a Prometheus, on a machine that cannot have one. */
function skipOf({ language }: RunbookBlock): false | string {
  return language === 'yaml' || language === 'promql' ? missingPrometheus() : false
}

function declares(t: Test, { text }: RunbookBlock): void {
  const [, path = ''] = /^\/\/ (\S+)$/m.exec(text) ?? []
  const source = read(path)
  const names = [...text.matchAll(/^(?:export const|readonly) \w+/gm)].map(([declaration]) => declaration)
  t.ok(names.length > 0)
  for (const name of names) t.match(source, new RegExp(`^ *${name} `, 'm'), `${name} in ${path}`)
}

async function runInOrder(t: Test, blocks: readonly RunbookBlock[]): Promise<void> {
  for (const block of blocks) {
    if (block.directive?.kind === 'not run') continue
    await t.test(block.name, { skip: skipOf(block) }, async (t) => {
      const { directive } = block
      if (directive?.kind === 'expect') return follows(t, block, directive.after, directive.withinMs)
      // It has waited itself.
      if (directive?.kind === 'serves') return follows(t, block, directive.after, 0)
      if (block.directive?.kind === 'exports') return declares(t, block)
      const lines = assignments(block.text)
      t.ok(lines.length > 0, 'it has assignments')
      appendFileSync(settings, `${lines.join('\n')}\n`)
      writeFileSync(settings, lastOfEach(readFileSync(settings, 'utf8')))
    })
  }
}

const OLD_AND_NEW = `insert into messages (org_id, id, session_id, seq, role, content, status, created_at)
  select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), n, 'user', 'x', 'complete', now() - n * interval '20 days'
  from generate_series(0, 4) as n`

/** Until an outage is on a page or in a figure. */
const SEEN_WITHIN_MS = 30_000

/** An edited file has each key once. */
function lastOfEach(text: string): string {
  const byKey = new Map(assignments(text).map((line) => [line.split('=', 1)[0], line]))
  return `${[...byKey.values()].join('\n')}\n`
}

/** Nobody but the people who chat may read them. */
const PRIVATE_WORDS = 'The quick onyx goblin jumps'

/** Messages of two months ago and of now. */
async function fillSpareDatabase(): Promise<void> {
  const client = new pg.Client({ connectionString: spareDatabase })
  await client.connect()
  try {
    await client.query(OLD_AND_NEW)
  } finally {
    await client.end()
  }
}

t.test('every block is run, or named with the reason why not', async (t) => {
  const blocks = [...runbook, ...cutover]
  t.ok(runbook.length > 35)
  t.strictSame(
    blocks.filter(({ directive }) => !directive).map(({ name }) => name),
    [],
    'nothing is left out'
  )
  const left = blocks.flatMap(({ directive }) => (directive?.kind === 'not run' ? [directive.reason] : []))
  for (const [word, { reason, blocks: count }] of Object.entries(NOT_RUN)) {
    t.equal(left.filter((used) => used === word).length, count, `${word}: ${reason}`)
  }
  t.strictSame(
    left.filter((word) => !(word in NOT_RUN)),
    []
  )
})

for (const [page, other] of [
  ['docs/chat-runtime-cutover.md', 'docs/chat-runtime-cutover.zh-CN.md'],
  ['docs/runtime-observability.md', 'docs/runtime-observability.en.md']
] as const) {
  t.test(`${other} has the blocks of ${page}, and expects the same of them`, async (t) => {
    const bare = ({ language, text, directive }: RunbookBlock) => ({ language, text, directive })
    t.strictSame(runbookBlocks(read(other)).map(bare), runbookBlocks(read(page)).map(bare))
  })
}

t.test('before: chats are answered by both engines', async (t) => {
  // What was counted before the first scrape is no increase.
  await prometheus?.scraped()
  for (let index = 0; index < 3; index++) {
    t.match(await chat(stack, stack.runtimeOrg.apiKey, `${PRIVATE_WORDS} [[sim:gap=0 delay=0]]`), {
      status: 200,
      mode: 'runtime_orchestrator'
    })
  }
  t.match(await chat(stack, stack.directOrg.apiKey), { status: 200, mode: 'direct_llm' })
})

t.test('while the runtime is dead: every chat is answered, and the commands say so', async (t) => {
  // A process that is killed takes its latest lines along.
  const completed = () => readFileSync(join(home, 'logs/runtime.log'), 'utf8').match(/execution completed/g) ?? []
  await waitFor(() => completed().length >= 3, { what: 'the lines of the chats in the log' })
  stack.kill('runtime', 'SIGKILL')
  const ends = await Promise.all(Array.from({ length: 6 }, () => chat(stack, stack.runtimeOrg.apiKey)))
  t.strictSame(ends, Array(6).fill({ status: 200, mode: 'direct_llm' }))
  await untilFallback(stack, true)
  await waitFor(() => readFileSync(join(home, 'logs/api.log'), 'utf8').includes('健康检查失败'), {
    what: 'a failed health check in the log'
  })
  let looked = 0
  for (const block of runbook) {
    const { directive, name } = block
    if (directive?.kind !== 'expect' || skipOf(block)) continue
    if (directive.during.wanted.length + directive.during.unwanted.length === 0) continue
    await t.test(`meanwhile: ${name}`, (t) => follows(t, block, directive.during, SEEN_WITHIN_MS))
    looked++
  }
  t.ok(looked >= (missingPrometheus() ? 4 : 8))
})

t.test('afterwards: the runtime is back by itself, and every block of the runbook does what it says', async (t) => {
  await stack.restart('runtime')
  await untilFallback(stack, false)
  await fillSpareDatabase()
  await runInOrder(t, runbook)
  t.match(await chat(stack, stack.runtimeOrg.apiKey), { status: 200, mode: 'direct_llm' }, 'it was disabled at the end')
})

t.test('the logs hold what the pipelines need, and neither what people wrote nor a secret', async (t) => {
  for (const name of ['api', 'runtime']) {
    const text = readFileSync(join(home, `logs/${name}.log`), 'utf8')
    const lines = text.trimEnd().split('\n')
    t.ok(lines.length > 10, name)
    for (const line of lines) {
      if (!/^\{"level":.*,"msg":"(?:[^"\\]|\\.)*"\}$/.test(line)) t.fail(`msg is not last: ${line}`)
    }
    const { ADMIN_TOKEN: adminToken, API_KEY: apiKey, PGPASSWORD: password } = devVariables(stack)
    const secrets = [adminToken, apiKey, password, stack.env.RUNTIME_SERVICE_TOKEN]
    for (const secret of [...secrets, PRIVATE_WORDS]) {
      t.ok(secret && secret.length > 10)
      t.notOk(text.includes(secret ?? ''), `${name}: no line has it`)
    }
  }
})

t.test('a log that is moved away goes on in a new file after SIGHUP, and no line is lost', async (t) => {
  const file = join(home, 'logs/api.log')
  const before = readFileSync(file, 'utf8').split('\n').length
  renameSync(file, `${file}.moved`)
  stack.kill('api', 'SIGHUP')
  await waitFor(() => existsSync(file), { what: 'the new file' })
  await chat(stack, stack.directOrg.apiKey)
  await waitFor(() => readFileSync(file, 'utf8').includes('[DirectLlm] 回答完成'), { what: 'the line of the chat' })
  t.ok(readFileSync(`${file}.moved`, 'utf8').split('\n').length >= before)
})

t.test('every block of the cutover page does what it says', async (t) => {
  // The runbook has left the fallback in its trials, with a ramp to come.
  await orderReset(stack)
  await runInOrder(t, cutover)
})
