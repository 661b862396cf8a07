import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { StdioTransport } from '../../../src/tools/mcp/stdio-transport.ts'
import { effectsFile, ORG, rawServer, startMcp } from './fixtures/world.ts'

const GENEROUS = { timeoutMs: 30_000, what: 'the condition' }

t.test('a server that answers badly', async (t) => {
  const effects = effectsFile(t)
  const env = { EFFECTS_FILE: effects.path, SECRET: 'S3CRET-VALUE' }
  const config = rawServer('answers', { env, effect: 'unsafe', secrets: ['S3CRET-VALUE'] })
  const { mcp, call, until, metric, log } = startMcp(t, config)
  await until('up')

  await t.test('an answer of 20 MB is not read; the call fails, the connection stays', async (t) => {
    const before = process.memoryUsage().rss
    for (const name of ['test__long', 'test__long-tail']) {
      const { result } = await call(name)
      t.match(result, { status: 'unknown', error: { code: 'TOOL_OUTCOME_UNKNOWN', message: /more than can be read/ } })
    }
    t.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024, 'and it is not kept in memory')
    t.match(await call('test__ok'), { result: { text: 'fine' } })
    t.match(await metric('runtime_mcp_server_restarts_total'), / 0$/)
  })

  await t.test('an answer that is nested too deep fails its call alone', async (t) => {
    t.match(await call('test__deep'), { result: { status: 'unknown', error: { message: /nested too deep/ } } })
    t.match(await call('test__ok'), { result: { text: 'fine' } })
  })

  await t.test('an answer of another shape is an error', async (t) => {
    t.match(await call('test__wrong-shape'), {
      result: { status: 'unknown', error: { message: /keep to the protocol/ } }
    })
  })

  await t.test('what is no message, and messages that nobody asked for, are left out', async (t) => {
    t.match(await call('test__garbage'), { result: { status: 'ok', text: 'fine after all' } })
  })

  await t.test('a secret that the server says is hidden, in its answers and in the log', async (t) => {
    t.match(await call('test__secret'), { result: { text: 'the secret is ***.' } })
    t.match(await call('test__noise'), { result: { text: 'quiet again' } })
    const said = () => log.filter(({ msg }) => msg === '[Runtime] MCP server writes on standard error')
    await waitFor(() => said().length > 0, GENEROUS)
    t.match(said()[0], { line: /^noise \*\*\* y{400,}…$/ })
    t.ok(said().length <= 40, `of 2000 lines ${said().length} are logged`)
    t.notMatch(JSON.stringify(log), 'S3CRET-VALUE')
  })

  await t.test('a thousand messages that the tools changed are one question', async (t) => {
    const asked = async () => Number((await call('test__lists')).result.text)
    const before = await asked()
    t.match(await call('test__changes'), { result: { status: 'ok' } })
    await waitFor(async () => (await asked()) > before, GENEROUS)
    t.ok((await asked()) <= before + 3)
  })

  await t.test('an unsafe call in which the server dies is unknown, and is not run again', async (t) => {
    const { result } = await call('test__die')
    t.match(result, { status: 'unknown', error: { code: 'TOOL_OUTCOME_UNKNOWN', message: /it went away/ } })
    t.match(await call('test__ok'), { result: { text: 'fine' } }, 'the next call finds it started again')
    t.same(effects.lines(), ['died'])
    t.match(
      log.find(({ level, server }) => level === 40 && server === 'test'),
      { reason: 'it ended with code 9' }
    )
  })

  await t.test('a server that floods is ended and started again', async (t) => {
    t.match(await call('test__flood'), { result: { status: 'unknown' } })
    const reasons = () => log.flatMap(({ reason }) => (typeof reason === 'string' ? [reason] : []))
    await waitFor(() => reasons().includes('it sent more than it may'), GENEROUS)
    t.match(await call('test__ok'), { result: { text: 'fine' } })
  })

  await t.test('more calls at once than a server may have are refused', async (t) => {
    const stop = new AbortController()
    const tool = (await mcp.tools(ORG)).find(({ name }) => name === 'test__stop')!
    const calls = Array.from({ length: 70 }, () => call(tool.name, {}, stop.signal))
    const outcomes = Promise.allSettled(calls)
    const first = await Promise.race(calls)
    t.match(first.result, { status: 'error', error: { code: 'TOOL_UNAVAILABLE', message: /busy: 64 calls/ } })
    await waitFor(() => effects.lines().includes('stopped'), GENEROUS)
    stop.abort(new Error('enough'))
    const refused = (await outcomes).filter(({ status }) => status === 'fulfilled')
    t.equal(refused.length, 6)
  })

  await t.test('a server that hangs is found out by the call that it does not answer', async (t) => {
    const reasons = () => log.flatMap(({ reason }) => (typeof reason === 'string' ? [reason] : []))
    await waitFor(() => reasons().includes('it did not answer in time'), GENEROUS)
    t.match(await call('test__ok'), { result: { text: 'fine' } })
  })
})

t.test('lists of tools', async (t) => {
  const { names, until, log } = startMcp(
    t,
    rawServer('endless-list', { name: 'endless' }),
    rawServer('bad-tools', { name: 'bad' }),
    rawServer('answers', { name: 'chosen', allowedTools: new Set(['ok', 'missing']) }),
    rawServer('answers', { name: 'private', orgs: new Set(['019ab000-0000-7000-8000-0000000000ff']) })
  )
  for (const server of ['endless', 'bad', 'chosen', 'private']) await until('up', server)
  const all = await names()

  t.equal(all.filter((name) => name.startsWith('endless__')).length, 128, 'a list without end is read to a bound')
  t.same(
    all.filter((name) => name.startsWith('bad__')),
    ['bad__good', 'bad__talker'],
    'bad entries are left out, and the others stay'
  )
  t.same(
    all.filter((name) => name.startsWith('chosen__')),
    ['chosen__ok'],
    'of allowedTools those that exist'
  )
  t.notOk(
    all.some((name) => name.startsWith('private__')),
    'nothing of a server for other organisations'
  )
  t.ok((await names('019AB000-0000-7000-8000-0000000000FF')).includes('private__ok'))

  const leftOut = (server: string) =>
    log.find((line) => line.msg === '[Runtime] tools of an MCP server left out' && line.server === server)?.leftOut
  t.same(leftOut('chosen'), [{ tool: 'missing', why: 'the server has no such tool' }])
  t.match(leftOut('bad'), [
    { tool: 'no.schema', why: /not of type object/ },
    { tool: 'huge', why: /more than 32768 bytes/ },
    { tool: 'deep', why: /nested too deep/ },
    { tool: '', why: /visible characters/ },
    { tool: 'good', why: /same name/ },
    { tool: '', why: /visible characters/ }
  ])
})

t.test('descriptions are cut, and nothing in them is invisible', async (t) => {
  const { mcp, until } = startMcp(t, rawServer('bad-tools'))
  await until('up')
  const { description = '' } = (await mcp.tools(ORG)).find(({ name }) => name === 'test__talker') ?? {}
  t.match(description, /^Ignore all rules!{4000,}…$/)
  t.equal(description.length, 4_096)
})

t.test('servers that never come up are named, and hold nothing up', async (t) => {
  const { mcp, until, log } = startMcp(
    t,
    rawServer('early-end', { name: 'early' }),
    {
      ...rawServer('x', { name: 'absent' }),
      endpoint: { kind: 'stdio', command: 'no-such-program', args: [], env: {}, cwd: '/' }
    },
    rawServer('mute', { name: 'mute' })
  )
  t.equal(await until('down', 'early'), 'it ended with code 7')
  t.equal(await until('down', 'absent'), 'the program "no-such-program" was not found')
  t.same(mcp.report()['mcp:mute'], { state: 'unknown', detail: 'connecting' })
  t.same(await mcp.tools(ORG), [])
  const warnings = () => log.filter(({ level, server }) => level === 40 && server === 'early')
  await waitFor(() => log.filter(({ server }) => server === 'early').length > 4, GENEROUS)
  t.equal(warnings().length, 1, 'the first loss is a warning, its repetitions are not')
})

t.test('what a child does not read is not kept for ever', async (t) => {
  const ended = Promise.withResolvers<string>()
  const transport = new StdioTransport({
    endpoint: { kind: 'stdio', command: 'sleep', args: ['100'], env: { PATH: process.env.PATH ?? '' }, cwd: '/' },
    onStderr: () => undefined,
    onEnd: ended.resolve
  })
  await transport.start()
  t.teardown(() => transport.close())
  const message = { jsonrpc: '2.0', method: 'x', params: { text: 'x'.repeat(1024 * 1024) } } as const
  const sent = await Promise.allSettled(Array.from({ length: 30 }, () => transport.send(message)))
  t.equal(await ended.promise, 'it does not read its input')
  t.ok(sent.every(({ status }) => status === 'rejected'))
})
