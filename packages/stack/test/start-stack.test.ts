import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { processStart } from '../src/process-identity.ts'
import { startStack } from '../src/stack/start-stack.ts'
import type { Stack, StackOptions } from '../src/stack/types.ts'
import { bareEnvironment, waitFor } from '../src/test.ts'

const home = mkdtempSync(join(tmpdir(), 'semibot-stack-'))
chmodSync(home, 0o711)
t.teardown(() => rmSync(home, { recursive: true, force: true }))

const options = (settings: Record<string, string> = {}): StackOptions => ({
  home,
  env: { ...bareEnvironment(), SIMULATOR_GAP_MS: '0', ...settings },
  freePorts: true,
  fast: true
})

async function chat(stack: Stack, key: string, body: Record<string, unknown>, api = 0) {
  const response = await fetch(`${stack.urls.api[api]}/api/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ stream: false, ...body }),
    signal: AbortSignal.timeout(10_000)
  })
  return {
    status: response.status,
    mode: response.headers.get('x-semibot-execution-mode'),
    text: await response.text()
  }
}

// These start real servers; a busy machine takes its time.
t.setTimeout(110_000)

t.test('two runtimes and two apis come up, chat in both modes, and go down without a trace', async (t) => {
  const reports: string[] = []
  const lines: string[] = []
  const stack = await startStack({
    ...options({ API_INSTANCES: '2', RUNTIME_INSTANCES: '2' }),
    report: (text) => void reports.push(text),
    log: (name, line) => void lines.push(`${name}: ${line}`)
  })
  t.teardown(stack.stop)
  const names = stack.processes.map((entry) => entry.name)
  t.same(
    new Set(names),
    new Set([
      'postgres',
      'simulator',
      'runtime',
      'runtime-2',
      'api',
      'api-2',
      ...(names.includes('redis') ? ['redis'] : [])
    ])
  )
  t.same(JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8')), stack.processes)
  t.equal(stack.env.RUNTIME_SERVICE_URL, stack.urls.runtime.join(','))

  const asked = { agentId: 'assistant', message: 'What is 17*23?' }
  const byRuntime = await chat(stack, stack.runtimeOrg.apiKey, asked)
  t.match(byRuntime, { status: 200, mode: 'runtime_orchestrator', text: /391/ })
  t.match(await chat(stack, stack.directOrg.apiKey, { message: 'Hello' }, 1), { status: 200, mode: 'direct_llm' })
  t.equal((await chat(stack, 'sb_no_such_key', { message: 'Hello' })).status, 401)
  t.ok(lines.some((line) => line.startsWith('runtime: ')))
  t.ok(reports.some((text) => text.startsWith('PostgreSQL: 127.0.0.1:')))

  const api = stack.processes.find((entry) => entry.name === 'api')
  stack.kill('api', 'SIGKILL')
  await waitFor(() => !stack.processes.some((entry) => entry.name === 'api'), { what: 'the api to be gone' })
  t.match(await chat(stack, stack.directOrg.apiKey, { message: 'Hello' }, 1), { status: 200 }, 'the others go on')
  await stack.restart('api')
  t.not(stack.processes.find((entry) => entry.name === 'api')?.pid, api?.pid)
  t.match(await chat(stack, stack.directOrg.apiKey, { message: 'Hello' }), { status: 200 })

  const pids = stack.processes.map((entry) => entry.pid)
  await stack.stop()
  t.same(
    pids.map(processStart),
    pids.map(() => ''),
    'no process is left'
  )
  t.notOk(existsSync(join(home, 'start.lock')))
  t.notOk(existsSync(join(home, 'processes.json')))
})

t.test('a start that is given up half way leaves nothing, and the folder can be used again', async (t) => {
  const stop = new AbortController()
  const pids: number[] = []
  const report = (text: string) => {
    if (!text.startsWith('PostgreSQL: ')) return
    pids.push(
      ...JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8')).map((entry: { pid: number }) => entry.pid)
    )
    stop.abort(new Error('Ctrl-C'))
  }
  await t.rejects(startStack({ ...options(), report, signal: stop.signal }), { message: 'Ctrl-C' })
  t.equal(pids.length, 1)
  t.same(pids.map(processStart), [''])
  t.notOk(existsSync(join(home, 'start.lock')))
})

t.test('a setting that is wrong is refused before anything starts', async (t) => {
  await t.rejects(startStack(options({ CHAT_RUNTIME_PERCENT: 'many' })), {
    name: 'ConfigError',
    message: /CHAT_RUNTIME_PERCENT/
  })
  t.notOk(existsSync(join(home, 'start.lock')))
})
