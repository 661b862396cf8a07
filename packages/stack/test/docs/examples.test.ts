import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePort } from '../../src/claim.ts'
import { shellBlocks } from '../../src/docs/markdown.ts'
import { faultProxy } from '../../src/fault-proxy.ts'
import { REPOSITORY_ROOT } from '../../src/paths.ts'
import { startProcess } from '../../src/process.ts'
import { banner } from '../../src/stack/banner.ts'
import { writeDevEnv } from '../../src/stack/dev-env.ts'
import { startStack } from '../../src/stack/start-stack.ts'
import { createTestDatabase } from '../../src/test/database.ts'
import { waitFor } from '../../src/wait-for.ts'
import { openPage } from './fixtures/page.ts'
import { type ShellResult, shellIn } from './fixtures/shell.ts'

// Everything that README.md and docs/examples tell a reader to paste, against a stack as npm start brings it up.

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8')
const firstChat = shellBlocks(read('README.md')).filter(({ heading }) => heading === 'The first chat')
const examples = shellBlocks(read('docs/examples/README.md'))

const home = mkdtempSync(join(tmpdir(), 'semibot-docs-home-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))
const pagePort = await freePort()
const origin = `http://localhost:${pagePort}`
const stack = await startStack({
  home,
  env: {
    PATH: process.env.PATH,
    HOME: home,
    ENV_FILE: '/dev/null',
    DATABASE_URL: await createTestDatabase(t),
    CORS_ORIGINS: origin
  },
  freePorts: true,
  redis: 'none'
})
t.teardown(() => stack.stop())
const devEnv = writeDevEnv(stack)
const shell = shellIn(t, home, { PAGE_PORT: String(pagePort) })
const { run } = shell

/** The events that curl printed. */
function eventsIn({ stdout }: ShellResult): Record<string, unknown>[] {
  return [...stdout.matchAll(/^data: (?<json>.*)$/gm)].map(({ groups }) => JSON.parse(groups?.json ?? ''))
}

function eventOf(events: Record<string, unknown>[], type: string): Record<string, unknown> | undefined {
  return events.find((event) => event.type === type)
}

async function get(path: string): Promise<{ role: string; content: string }[]> {
  const response = await fetch(`${stack.urls.api[0]}${path}`, {
    headers: { authorization: `Bearer ${stack.runtimeOrg.apiKey}` }
  })
  return ((await response.json()) as { data: { role: string; content: string }[] }).data
}

t.test('the first chat of the README', async (t) => {
  const [source = '', runtime = '', direct = '', session = '', ...more] = firstChat.map(({ text }) => text)
  t.strictSame(more, [], 'every block has its test')

  t.test('npm start prints the same two calls', async (t) => {
    const screen = banner(stack, devEnv).replaceAll(/^ {2}/gm, '')
    t.match(screen, 'Semibot is up: ')
    t.match(screen, runtime)
    t.match(screen, direct)
  })

  t.test('an admitted organisation gets 391 from the runtime by way of a tool', async (t) => {
    const result = await run(`${source}${runtime}`)
    t.equal(result.exitCode, 0, result.stderr)
    t.match(result.headers.join(), /^x-semibot-execution-mode: runtime_orchestrator\r$/m)
    const events = eventsIn(result)
    t.match(events[0], { type: 'execution.started', mode: 'runtime_orchestrator' })
    t.match(eventOf(events, 'tool.started'), { name: 'calculator', input: { expression: '17*23' } })
    t.match(eventOf(events, 'tool.finished'), { status: 'ok', output: '391' })
    t.match(eventOf(events, 'message.completed'), { content: /391/ })
    t.match(events.at(-1), { type: 'execution.completed' })
  })

  t.test('another organisation is answered by the api itself', async (t) => {
    const result = await run(`${source}${direct}`)
    t.equal(result.exitCode, 0, result.stderr)
    t.match(result.headers.join(), /^x-semibot-execution-mode: direct_llm\r$/m)
    const events = eventsIn(result)
    t.match(events[0], { type: 'execution.started', mode: 'direct_llm' })
    t.match(eventOf(events, 'message.completed'), { content: /Hello/ })
    t.match(events.at(-1), { type: 'execution.completed' })
  })

  t.test('the second message of a session sees the first', async (t) => {
    const result = await run(`${source}${session}`)
    t.equal(result.exitCode, 0, result.stderr)
    t.equal(result.headers.length, 2)
    t.match(JSON.parse(result.stdout), { success: true, data: { message: { content: /Ada/ } } })
    const answeredIn = result.headers.map((lines) => /^x-session-id: (?<id>\S+)/m.exec(lines)?.groups?.id)
    t.strictSame(answeredIn, [JSON.parse(result.stdout).data.sessionId, JSON.parse(result.stdout).data.sessionId])
  })
})

t.test('the examples', async (t) => {
  const [source = '', service = '', pageServer = '', operator = '', ...more] = examples.map(({ text }) => text)
  t.strictSame(more, [], 'every block has its test')

  t.test('the service gets its answer, and goes on with a session', async (t) => {
    const first = await run(`${source}${service}`)
    t.equal(first.exitCode, 0, first.stderr)
    t.match(first.stdout, /^17\*23 = 391\.\n\(runtime_orchestrator, \d+ ms, session [\w-]{36}\)\n$/)
    const session = /session (?<id>[\w-]{36})/.exec(first.stdout)?.groups?.id
    const second = await run(`${source}node docs/examples/service.mjs 'What did I say before?' ${session}`)
    t.match(second.stdout, /What is 17\*23\?.*\n\(runtime_orchestrator, \d+ ms, session [\w-]{36}\)\n$/)
    t.match(second.stdout, `session ${session}`)
  })

  t.test('the service sends a message once, although the answer to it is cut off', async (t) => {
    const proxy = await faultProxy({ target: stack.urls.api[0] ?? '', fault: { kind: 'cut', afterBytes: 100 } })
    t.teardown(() => proxy.stop())
    const asked = run(`${source}export BASE_URL=${proxy.url}\nnode docs/examples/service.mjs 'Say this once.'`)
    await waitFor(() => proxy.connections.accepted > 0 && proxy.connections.open === 0, {
      what: 'the cut',
      timeoutMs: 10_000
    })
    await proxy.set({ kind: 'none' })
    const { exitCode, stdout, stderr } = await asked
    t.equal(exitCode, 0, stderr)
    t.match(stderr, /^UNREACHABLE: .*; again in 1 s$/m)
    const session = /session (?<id>[\w-]{36})/.exec(stdout)?.groups?.id
    const messages = await get(`/api/v1/sessions/${session}/messages`)
    t.strictSame(
      messages.map(({ role }) => role),
      ['assistant', 'user']
    )
  })

  t.test('the service says what is wrong, and does not try again what cannot get better', async (t) => {
    const { exitCode, stderr } = await run(`${source}export API_KEY=nonsense\n${service}`)
    t.equal(exitCode, 1)
    t.match(stderr, /^UNAUTHENTICATED: [^\n]+\n$/)
  })

  t.test('the page shows the whole answer, over as many connections as it takes', async (t) => {
    const proxy = await faultProxy({ target: stack.urls.api[0] ?? '' })
    t.teardown(() => proxy.stop())
    const server = await startProcess({
      name: 'page-server',
      command: 'bash',
      args: ['-c', `${source}export BASE_URL=${proxy.url}\nexec ${pageServer}`],
      cwd: shell.folder,
      env: shell.env,
      ready: { line: /^open http/ }
    })
    t.teardown(() => server.stop())
    t.match(server.lines.at(-1), `open ${origin}; the api must run with CORS_ORIGINS=${origin}`)
    t.match(await (await fetch(origin)).text(), '<title>Semibot in a page</title>')
    const page = openPage(origin)

    // Each connection carries so many bytes of answer and is reset. Each word names its place and its model call.
    await proxy.set({ kind: 'cut', afterBytes: 12_000 })
    await page.send('[[sim:vary length=200 gap=5]] Tell me something')
    t.equal(page.state, 'execution.completed')
    const words = page.answer.trim().split(/\s+/)
    t.equal(words.length, 200)
    t.ok(
      page.shown.every((text) => page.answer.startsWith(text)),
      'at no time a piece was missing or there twice'
    )

    const [posted, ...resumed] = page.calls.filter(({ path }) => path.startsWith('/api/'))
    t.match(posted, { method: 'POST', path: '/api/v1/chat', status: 200 })
    const after = resumed.map(({ headers }) => Number(headers.get('last-event-id')))
    t.ok(after.length >= 2, `it came back after the events ${after.join(', ')}`)
    t.strictSame(
      after,
      [...after].sort((a, b) => a - b)
    )
    t.ok(after.every((seq) => seq > 0))

    // The next message goes to the same session, whose history the user of the token sees.
    await proxy.set({ kind: 'none' })
    await page.send('What did I say before?')
    t.match(page.answer, 'Tell me something')
    t.ok(
      page.calls.every(({ headers }) => !headers.get('authorization')?.includes(stack.runtimeOrg.apiKey)),
      'the page never holds the key of the organisation'
    )
  })

  t.test('the operator sees what is there, how chats ended and who may call', async (t) => {
    const { exitCode, stdout, stderr } = await run(`${source}${operator}`)
    t.equal(exitCode, 0, stderr)
    for (const name of ['node', 'config', 'postgres', 'migrations', 'runtime', 'api'])
      t.match(stdout, new RegExp(`^ok +${name}: `, 'm'))
    t.match(stdout, /^chat_request_total\{outcome="success"\} [1-9]\d*$/m)
    t.match(stdout, /^chat_execution_in_flight\{mode="runtime_orchestrator"\} 0$/m)
    t.match(stdout, /^dev-runtime +[\w-]{36} .* active /m)
    t.match(stdout, new RegExp(`^${stack.runtimeOrg.apiKey.split('_')[1]} .* admin `, 'm'))
    t.notMatch(stdout, stack.runtimeOrg.apiKey)
    t.notMatch(stdout, stack.adminToken)
  })
})
