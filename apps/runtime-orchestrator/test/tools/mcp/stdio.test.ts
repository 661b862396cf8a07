import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { toolContext } from '../../helpers/tool-context.ts'
import { effectsFile, ORG, sdkServer, startMcp } from './fixtures/world.ts'

t.test('a real server over stdio', async (t) => {
  const effects = effectsFile(t)
  const config = sdkServer({
    env: { EFFECTS_FILE: effects.path, GIVEN: 'yes' },
    effect: 'unsafe',
    effects: new Map([
      ['echo', 'none'],
      ['note_then_die', 'idempotent']
    ]),
    maxOutputBytes: 2_000,
    timeoutMs: 20_000
  })
  process.env.RUNTIME_SECRET_OF_TEST = 'not for children'
  const { mcp, call, names, until, metric, log } = startMcp(t, config)

  await t.test('its tools carry its name, its schemas, and the effects that the operator gave', async (t) => {
    await until('up')
    t.same((await names()).slice(0, 3), ['test__echo', 'test__environment', 'test__key'])
    const [echo, environment] = await mcp.tools(ORG)
    t.match(echo, { source: 'mcp', serverId: 'test', effect: 'none', description: 'Says the text again.' })
    t.match(echo?.inputSchema.json, { type: 'object', required: ['text'], additionalProperties: false })
    t.equal(environment?.effect, 'unsafe', 'a hint of the server changes nothing')
    t.match(mcp.report(), { 'mcp:test': { state: 'up', detail: '10 tools' } })
    t.equal(await metric('runtime_mcp_server_up'), 'runtime_mcp_server_up{server="test"} 1')
  })

  await t.test('a call gives the text', async (t) => {
    t.match(await call('test__echo', { text: 'hällo 你好' }), { result: { status: 'ok', text: 'hällo 你好' } })
    t.match(await call('test__pictures'), {
      result: { text: 'see\n[image of type image/png, not shown]\n[page](https://example.org/page)' }
    })
  })

  await t.test('input is checked before the server sees it', async (t) => {
    const { result } = await call('test__echo', { txt: 'x' })
    t.match(result, { status: 'error', error: { code: 'TOOL_INPUT_INVALID' } })
    t.match(result.text, /text is missing; txt is not known; known are text/)
  })

  await t.test('what the server says of a failure is read', async (t) => {
    const { result } = await call('test__fail')
    t.match(result, { status: 'error', error: { code: 'TOOL_FAILED', message: 'the printer is on fire' } })
  })

  await t.test('long output is cut', async (t) => {
    const { result } = await call('test__big', { length: 1_000_000 })
    t.match(result, { status: 'ok', truncated: true })
    t.equal(result.text.length, 2_000)
  })

  await t.test('the child has what the file gives it, and nothing of this process', async (t) => {
    const { result } = await call('test__environment')
    t.match(result.text, /"GIVEN":"yes"/)
    t.notMatch(result.text, 'RUNTIME_SECRET_OF_TEST')
  })

  await t.test('the idempotency key of the call is handed on', async (t) => {
    const { result } = await call('test__key')
    t.match(JSON.parse(result.text), {
      'semibot/idempotencyKey': '019ab000-0000-7000-8000-000000000001:call_1',
      traceparent: /^00-0af7651916cd43dd8448eb211c80319c-/
    })
  })

  await t.test(
    'a server that dies in the middle of a call that may be repeated is started again and asked again',
    async (t) => {
      const { result } = await call('test__note_then_die', { text: 'twice' })
      t.match(result, { status: 'error', error: { code: 'TOOL_OUTCOME_UNKNOWN' } }, 'it dies each time')
      t.same(effects.lines(), ['twice', 'twice'])
    }
  )

  await t.test('of an unsafe call that was given up nobody knows what it did, and it is not run again', async (t) => {
    await until('up')
    const stop = new AbortController()
    const outcome = call('test__note_then_hang', { text: 'hang' }, stop.signal)
    await waitFor(() => effects.lines().includes('hang'), { timeoutMs: 20_000, what: 'the call to begin' })
    stop.abort(new Error('stopped'))
    await t.rejects(outcome, { message: 'stopped' })
    t.match(await call('test__echo', { text: 'still there' }), { result: { text: 'still there' } })
    t.equal(effects.lines().filter((line) => line === 'hang').length, 1)
    t.match(await metric('runtime_mcp_calls_total{server="test",outcome="stopped"}'), / 1$/)
  })

  await t.test(
    'a tool that vanishes ends as an error in the runs that have it, and new runs get the new one',
    async (t) => {
      const before = await mcp.tools(ORG)
      t.match(await call('test__change_tools'), { result: { text: 'changed' } })
      await waitFor(async () => (await names()).includes('test__shout'), { timeoutMs: 20_000, what: 'the new tool' })
      t.notOk((await names()).includes('test__echo'))
      const echo = before.find(({ name }) => name === 'test__echo')!
      await t.rejects(echo.execute({ text: 'x' }, toolContext()), {
        code: 'TOOL_UNAVAILABLE',
        message: /no longer has/
      })
      const changed = log.find(({ msg }) => msg === '[Runtime] MCP server has other tools now')
      t.match(changed, { added: ['test__shout'], removed: ['test__echo'], changed: [] })
    }
  )
})
