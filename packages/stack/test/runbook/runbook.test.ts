import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { findProgram } from '../../src/find-program.ts'
import { REPOSITORY_ROOT } from '../../src/paths.ts'
import { writeDevEnv } from '../../src/stack/dev-env.ts'
import { startStack } from '../../src/stack/start-stack.ts'
import { bareEnvironment, createTestDatabase, waitFor } from '../../src/test.ts'
import { type ShellResult, shellIn } from '../docs/fixtures/shell.ts'
import { assignments, type Expectation, type RunbookBlock, runbookBlocks } from './fixtures/blocks.ts'
import { chat, orderReset, untilFallback } from './fixtures/incident.ts'

/*
 * Every fenced block of the operations documents, on a stack as npm start brings it up, during and after an
 * incident: the runtime is killed, chats go on without it, and it comes back.
 */

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8')
const runbook = runbookBlocks(read('docs/runtime-observability.md'))
const cutover = runbookBlocks(read('docs/chat-runtime-cutover.md'))

/** The blocks that are not run here, by the word in the comment above each, and what stands in for a run. */
const NOT_RUN: Record<string, { reason: string; blocks: number }> = {
  prometheus: {
    reason: 'needs a Prometheus or a Grafana; here each metric that it names is looked for on /metrics',
    blocks: 13
  },
  supervisor: { reason: 'systemd units and a pm2 file are not part of this version', blocks: 1 },
  database: { reason: 'needs psql, redis-cli and a database that may lose its messages', blocks: 4 },
  machine: { reason: 'shows the machine (top, df, uptime, iostat) and nothing of ours', blocks: 2 },
  start: { reason: 'starts further services; start-stack.test.ts runs two runtimes', blocks: 2 },
  figures: { reason: 'measures for minutes', blocks: 1 }
}

const home = mkdtempSync(join(tmpdir(), 'semibot-runbook-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))
const settings = join(home, 'settings.env')
writeFileSync(settings, 'CHAT_RUNTIME_ENABLED_ORGS="dev-runtime"\n')

const jq = await findProgram('jq', { debianPackage: 'jq' })
if (jq === undefined) throw new Error('the runbook needs jq: install it, for example with apt-get install jq')

const stack = await startStack({
  home,
  env: { ...bareEnvironment(), ENV_FILE: settings, DATABASE_URL: await createTestDatabase(t) },
  freePorts: true,
  redis: 'none',
  restart: true,
  logFolder: join(home, 'logs')
})
t.teardown(() => stack.stop())
writeDevEnv(stack)
const shell = shellIn(t, home, { PATH: `${process.env.PATH}${delimiter}${dirname(jq)}`, TERM: 'dumb' })

/** All that is changed in a block before it runs: where things are, and that `watch` looks once. */
const SUBSTITUTIONS: readonly [what: string, by: string][] = [
  ['http://localhost:3001', stack.urls.api[0] ?? ''],
  ['http://localhost:8000', stack.urls.runtime[0] ?? ''],
  ['/var/log/semibot/', `${home}/logs/`],
  ['watch -n 5 ', 'bash -c ']
]

function runBlock(text: string): Promise<ShellResult> {
  const placed = SUBSTITUTIONS.reduce((block, [what, by]) => block.replaceAll(what, by), text)
  return shell.run(`source .semibot/dev.env\n${placed}`)
}

function unmet({ stdout }: ShellResult, { wanted, unwanted }: Expectation): string[] {
  return [
    ...wanted.filter((pattern) => !pattern.test(stdout)).map((pattern) => `missing: ${pattern}`),
    ...unwanted.filter((pattern) => pattern.test(stdout)).map((pattern) => `not wanted: ${pattern}`)
  ]
}

/** Runs it, again and again where the document gives the outcome some time. */
async function follows(t: Test, { text, directive }: RunbookBlock): Promise<void> {
  if (directive?.kind !== 'expect') return
  const end = performance.now() + directive.withinMs
  for (;;) {
    const result = await runBlock(text)
    const problems = unmet(result, directive.after)
    const isDone = result.exitCode === 0 && problems.length === 0
    if (!isDone && performance.now() < end) continue
    t.strictSame(problems, [], `${result.stdout.slice(0, 2000)}\n${result.stderr}`)
    t.equal(result.exitCode, 0, `exit code; ${result.stderr}`)
    return
  }
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
    await t.test(block.name, async (t) => {
      if (block.directive?.kind === 'expect') return follows(t, block)
      if (block.directive?.kind === 'exports') return declares(t, block)
      const lines = assignments(block.text)
      t.ok(lines.length > 0, 'it has assignments')
      appendFileSync(settings, `${lines.join('\n')}\n`)
      writeFileSync(settings, lastOfEach(readFileSync(settings, 'utf8')))
    })
  }
}

/** An edited file has each key once. */
function lastOfEach(text: string): string {
  const byKey = new Map(assignments(text).map((line) => [line.split('=', 1)[0], line]))
  return `${[...byKey.values()].join('\n')}\n`
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

t.test('the cutover page has the same blocks in both languages', async (t) => {
  const chinese = runbookBlocks(read('docs/chat-runtime-cutover.zh-CN.md'))
  const bare = ({ language, text }: RunbookBlock) => ({ language, text })
  t.strictSame(chinese.map(bare), cutover.map(bare))
})

t.test('every metric of the expressions is on /metrics', async (t) => {
  const exposed = await (await fetch(`${stack.urls.api[0]}/metrics`)).text()
  const texts = runbook.filter(({ language }) => language === 'yaml' || language === 'promql').map(({ text }) => text)
  const names = new Set(texts.flatMap((text) => text.match(/\bchat_\w+/g) ?? []))
  t.ok(names.size >= 6)
  for (const name of names) t.match(exposed, new RegExp(`^# TYPE ${name.replace(/_bucket$/, '')} `, 'm'), name)
})

t.test('before: chats are answered by both engines', async (t) => {
  for (let index = 0; index < 3; index++) {
    t.match(await chat(stack, stack.runtimeOrg.apiKey), { status: 200, mode: 'runtime_orchestrator' })
  }
  t.match(await chat(stack, stack.directOrg.apiKey), { status: 200, mode: 'direct_llm' })
})

t.test('while the runtime is dead: every chat is answered, and the commands say so', async (t) => {
  stack.kill('runtime', 'SIGKILL')
  const ends = await Promise.all(Array.from({ length: 6 }, () => chat(stack, stack.runtimeOrg.apiKey)))
  t.strictSame(ends, Array(6).fill({ status: 200, mode: 'direct_llm' }))
  await untilFallback(stack, true)
  await waitFor(() => readFileSync(join(home, 'logs/api.log'), 'utf8').includes('健康检查失败'), {
    what: 'a failed health check in the log'
  })
  let looked = 0
  for (const { directive, name, text } of runbook) {
    if (directive?.kind !== 'expect') continue
    if (directive.during.wanted.length + directive.during.unwanted.length === 0) continue
    const result = await runBlock(text)
    t.strictSame(unmet(result, directive.during), [], `${name}\n${result.stdout.slice(0, 2000)}\n${result.stderr}`)
    looked++
  }
  t.ok(looked >= 4)
})

t.test('afterwards: the runtime is back by itself, and every block of the runbook does what it says', async (t) => {
  await stack.restart('runtime')
  await untilFallback(stack, false)
  await runInOrder(t, runbook)
  t.match(await chat(stack, stack.runtimeOrg.apiKey), { status: 200, mode: 'direct_llm' }, 'it was disabled at the end')
})

t.test('every block of the cutover page does what it says', async (t) => {
  // The runbook has left the fallback in its trials, with a ramp to come.
  await orderReset(stack)
  await runInOrder(t, cutover)
})
