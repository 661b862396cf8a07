import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startSimulator, type TestScope, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, post, run } from '../../helpers/execute.ts'
import { startServer } from '../../helpers/start-server.ts'
import { effectsFile } from './fixtures/world.ts'

const SDK_SERVER = fileURLToPath(new URL('./fixtures/sdk-server.ts', import.meta.url))
const RAW_SERVER = fileURLToPath(new URL('./fixtures/raw-server.mjs', import.meta.url))
const GENEROUS = { timeoutMs: 30_000, what: 'the condition' }
const SECRET = 'the-secret-of-the-files'

/** A file as an operator writes it, and where its servers write what they did. */
function serversFile(t: TestScope) {
  const effects = effectsFile(t)
  const path = join(dirname(effects.path), 'mcp.json')
  const reference = (name: string) => `\${${name}}`
  const files = {
    command: process.execPath,
    args: ['--conditions=@semibot/source', SDK_SERVER, 'stdio'],
    env: { API_TOKEN: reference('FILES_TOKEN') },
    effects: { echo: 'none' }
  }
  const stubborn = { command: process.execPath, args: [RAW_SERVER, 'stubborn'], env: { EFFECTS_FILE: effects.path } }
  writeFileSync(path, JSON.stringify({ mcpServers: { files, stubborn } }))
  return { path, effects }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Of the server that does not want to end, and of its child. */
async function pidsOf(effects: { lines(): string[] }): Promise<number[]> {
  const line = await waitFor(() => effects.lines().find((text) => text.startsWith('pids ')), GENEROUS)
  return line.split(' ').slice(1).map(Number)
}

t.test('a runtime with MCP servers', async (t) => {
  const simulator = await startSimulator(t)
  const { path, effects } = serversFile(t)
  const environment = { MCP_SERVERS_FILE: path, FILES_TOKEN: SECRET, LLM_BASE_URL: simulator.baseUrl }
  const server = startServer(t, { ...environment, SHUTDOWN_GRACE_MS: '0' })
  const origin = await server.origin()

  await t.test('says in /ready and in the metrics how they are', async (t) => {
    const ready = async () =>
      (await (await fetch(`${origin}/ready`)).json()) as { dependencies: Record<string, unknown> }
    const isUp = async (name: string) => {
      const { [`mcp:${name}`]: report } = (await ready()).dependencies
      return (report as { state: string }).state === 'up'
    }
    for (const name of ['files', 'stubborn']) await waitFor(() => isUp(name), GENEROUS)
    t.match((await ready()).dependencies, { 'mcp:files': { state: 'up', detail: '10 tools' } })
    const metrics = await (await fetch(`${origin}/metrics`)).text()
    t.match(metrics, 'runtime_mcp_server_up{server="files"} 1')
    t.match(metrics, 'runtime_mcp_server_restarts_total{server="stubborn"} 0')
  })

  await t.test('runs their tools for agents that name them, one by one or all of a server', async (t) => {
    const ask = (message: string, tools: string[]) => run(origin, makeRequest(message, { agent: { tools } }))
    const events = await ask('[[sim:call=files__echo {"text":"over MCP"}]]', ['files__*'])
    const started = events.find(({ type }) => type === 'tool.started')
    t.match(started, {
      name: 'files__echo',
      source: 'mcp',
      serverId: 'files',
      effect: 'none',
      input: { text: 'over MCP' }
    })
    t.match(
      events.find(({ type }) => type === 'tool.finished'),
      { status: 'ok', output: 'over MCP' }
    )
    lastOf(events, 'execution.completed')

    const other = await ask('[[sim:call=files__key {}]]', ['files__echo'])
    t.match(
      other.find(({ type }) => type === 'tool.finished'),
      { error: { code: 'TOOL_UNKNOWN' } },
      'a tool that the agent does not name is not run'
    )
  })

  await t.test('refuses agents with tools of servers that nobody listed', async (t) => {
    const response = await post(origin, makeRequest('hello', { agent: { tools: ['nobody__echo'] } }))
    t.equal(response.status, 400)
    t.match(await response.text(), /nobody__echo/)
  })

  await t.test('ends them when it ends: by asking, by SIGTERM, and in the end by force', async (t) => {
    const pids = await pidsOf(effects)
    t.same(pids.map(isAlive), [true, true])
    server.kill('SIGTERM')
    t.equal(await server.exited, 0)
    t.same(effects.lines().slice(1), ['input ended', 'SIGTERM'])
    await waitFor(() => !pids.some(isAlive), GENEROUS)
    t.notMatch(server.output(), SECRET)
  })
})

t.test('the servers of a runtime that was killed end by themselves, with all that they started', async (t) => {
  const { path, effects } = serversFile(t)
  const server = startServer(t, { MCP_SERVERS_FILE: path, FILES_TOKEN: SECRET })
  const pids = await pidsOf(effects)
  t.same(pids.map(isAlive), [true, true])
  server.kill('SIGKILL')
  await server.exited
  await waitFor(() => !pids.some(isAlive), GENEROUS)
  t.pass('both are gone')
})

t.test('a bad file stops the start, and says what to change', async (t) => {
  const { path } = serversFile(t)
  const server = startServer(t, { MCP_SERVERS_FILE: path })
  t.equal(await server.exited, 1)
  t.match(server.output(), 'mcpServers.files.env.API_TOKEN: *** (14 characters) (from ')
  t.match(
    server.output(),
    `expected a value for \${FILES_TOKEN}, which is set neither in the environment nor in ENV_FILE`
  )
})
