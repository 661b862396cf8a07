import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type TestScope, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { effectsFile, ORG, sdkServer, serverConfig, startMcp } from './fixtures/world.ts'

const SDK_SERVER = fileURLToPath(new URL('./fixtures/sdk-server.ts', import.meta.url))
const TOKEN = 'a-token-of-the-mcp-server'
const GENEROUS = { timeoutMs: 30_000, what: 'the condition' }

interface HttpServer {
  port: number
  kill(): Promise<void>
}

/** The real server over HTTP, as a process of its own. */
async function startHttpServer(t: TestScope, env: Record<string, string>, port = 0): Promise<HttpServer> {
  const child = spawn(process.execPath, ['--conditions=@semibot/source', SDK_SERVER, 'http', String(port)], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  t.teardown(kill)
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += String(chunk)
  })
  const listening = () => /listening (\d+)/.exec(text)?.[1]
  return { port: Number(await waitFor(listening, { ...GENEROUS, what: 'the MCP server' })), kill }
}

function httpConfig(port: number, overrides: Parameters<typeof serverConfig>[1] = {}) {
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  const headers = { authorization: `Bearer ${TOKEN}` }
  return serverConfig({ kind: 'http', url, headers }, { secrets: [`Bearer ${TOKEN}`, TOKEN], ...overrides })
}

t.test('a real server over streamable HTTP', async (t) => {
  const effects = effectsFile(t)
  const env = { EFFECTS_FILE: effects.path, TOKEN }
  const first = await startHttpServer(t, env)
  const { port } = first
  const effect = { effect: 'unsafe', effects: new Map([['echo', 'none'] as const]) } as const
  const { call, until, names, metric, log } = startMcp(t, httpConfig(port, effect))
  t.equal(await until('up'), '10 tools')

  await t.test('a call gives the text', async (t) => {
    t.match(await call('test__echo', { text: 'hällo 你好' }), { result: { status: 'ok', text: 'hällo 你好' } })
    t.match(await call('test__fail'), { result: { error: { code: 'TOOL_FAILED', message: 'the printer is on fire' } } })
  })

  await t.test('an answer of 20 MB fails its call alone', async (t) => {
    const { result } = await call('test__big', { length: 20_000_000 })
    t.match(result, { status: 'unknown', error: { code: 'TOOL_OUTCOME_UNKNOWN' } })
    t.match(await call('test__echo', { text: 'still there' }), { result: { text: 'still there' } })
  })

  await t.test('a call that was given up lets its connection go', async (t) => {
    const stop = new AbortController()
    const outcome = call('test__note_then_hang', { text: 'hang' }, stop.signal)
    await waitFor(() => effects.lines().includes('hang'), GENEROUS)
    stop.abort(new Error('stopped'))
    await t.rejects(outcome, { message: 'stopped' })
    t.match(await call('test__echo', { text: 'on' }), { result: { text: 'on' } })
  })

  await t.test('other tools are noticed', async (t) => {
    t.match(await call('test__change_tools'), { result: { text: 'changed' } })
    await waitFor(async () => (await names()).includes('test__shout'), GENEROUS)
  })

  await t.test('a server that was started anew has forgotten the session: the call begins a new one', async (t) => {
    await first.kill()
    await startHttpServer(t, env, port)
    t.match(await call('test__note', { text: 'once' }), { result: { status: 'ok', text: 'written' } })
    t.same(effects.lines(), ['hang', 'once'], 'also an unsafe one, since the server refused the first try')
  })

  await t.test('nothing of the token is in the log', async (t) => {
    t.notMatch(JSON.stringify(log), TOKEN)
    t.match(await metric('runtime_mcp_server_up'), / 1$/)
  })
})

t.test('servers of the newest revision, which has no handshake', async (t) => {
  const { port } = await startHttpServer(t, { ONLY_NEWEST: '1' })
  const overHttp = httpConfig(port, { name: 'http' })
  const overStdio = sdkServer({ name: 'stdio', env: { ONLY_NEWEST: '1' } })
  const { call, until, log } = startMcp(t, overHttp, overStdio)
  for (const name of ['http', 'stdio']) {
    t.equal(await until('up', name), '10 tools', name)
    t.match(await call(`${name}__echo`, { text: 'newest' }), { result: { status: 'ok', text: 'newest' } })
    t.match(await call(`${name}__fail`), {
      result: { error: { code: 'TOOL_FAILED', message: 'the printer is on fire' } }
    })
  }
  const lost = log.filter(({ level, server }) => level === 40 && server === 'http')
  t.same(lost, [], 'over HTTP the first try does it')
})

t.test('a server that goes away is said to be down, and its tools answer so at once after a while', async (t) => {
  const server = await startHttpServer(t, { JSON_ANSWERS: '1' })
  const { call, until, mcp, metric } = startMcp(t, httpConfig(server.port))
  await until('up')
  t.match(await call('test__echo', { text: 'by JSON' }), { result: { text: 'by JSON' } })
  await server.kill()
  const { result } = await call('test__echo', { text: 'x' })
  t.match(result, { status: 'error', error: { code: 'TOOL_UNAVAILABLE' } })
  t.match(mcp.report()['mcp:test'], { state: 'down', detail: 'it cannot be reached (ECONNREFUSED)' })
  t.match(await metric('runtime_mcp_server_up'), / 0$/)
  const began = performance.now()
  t.match(await call('test__echo', { text: 'x' }), { result: { error: { code: 'TOOL_UNAVAILABLE' } } })
  t.ok(performance.now() - began < 4_000, 'the second call does not wait any more')
  t.ok((await mcp.tools(ORG)).length > 0, 'runs may still be given its tools')
})

t.test('a wrong token is said, and shows nowhere', async (t) => {
  const server = await startHttpServer(t, { TOKEN: 'another-token-than-ours' })
  const { mcp, until, log } = startMcp(t, httpConfig(server.port, { secrets: [TOKEN, 'another-token-than-ours'] }))
  t.equal(await until('down'), 'it answered HTTP 401')
  t.notMatch(JSON.stringify([mcp.report(), log]), /another-token|a-token-of/)
})

t.test('servers that are no MCP servers', async (t) => {
  type Handler = (request: IncomingMessage, response: ServerResponse, body: { id?: number; method?: string }) => void
  const handlers: Record<string, [Handler, RegExp]> = {
    page: [(_request, response) => response.end('<html>'), /does not keep to the protocol/],
    redirect: [
      (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere' }).end(),
      /302/
    ],
    cut: [(_request, response) => response.destroy(), /connection failed/],
    endless: [
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        }
        response.on('drain', more)
        more()
      },
      /too long/
    ],
    'half stream': [
      (_request, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n'),
      /stream ended without an answer/
    ],
    broken: [(_request, response) => response.writeHead(500).end('x'.repeat(1_000_000)), /HTTP 500/]
  }
  for (const [name, [handle, reason]] of Object.entries(handlers)) {
    const server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => {
        text += String(chunk)
      })
      request.on('end', () => handle(request, response, text === '' ? {} : (JSON.parse(text) as { id?: number })))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    const { until } = startMcp(t, httpConfig((server.address() as AddressInfo).port))
    t.match(await until('down'), reason, name)
  }
})

t.test('a server that asks and asks is answered a few times at once, and no more', async (t) => {
  const results: Record<string, unknown> = {
    initialize: { protocolVersion: '2025-06-18', serverInfo: { name: 's', version: '1' }, capabilities: { tools: {} } },
    'tools/list': { tools: [{ name: 'ok', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: 'fine' }] }
  }
  let unanswered = 0
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += String(chunk)
    })
    request.on('end', () => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let id = 0; id < 500; id++)
          response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: `q${id}`, method: 'roots/list' })}\n\n`)
        return
      }
      const { id, method } = JSON.parse(text) as { id?: number; method?: string }
      // An answer to a question: it is taken, and never acknowledged.
      if (method === undefined) {
        unanswered += 1
        return
      }
      if (id === undefined) {
        response.writeHead(202).end()
        return
      }
      const result = results[method]
      const error = { code: -32601, message: 'unknown method' }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...(result === undefined ? { error } : { result }) }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { until, call } = startMcp(t, httpConfig((server.address() as AddressInfo).port))
  await until('up')
  await waitFor(() => unanswered > 0, GENEROUS)
  for (let count = 0; count < 5; count++) t.match(await call('test__ok'), { result: { text: 'fine' } })
  t.ok(unanswered <= 16, `${unanswered} of 500 questions were answered`)
})
