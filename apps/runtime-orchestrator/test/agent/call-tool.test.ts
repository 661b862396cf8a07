import t from 'tap'
import { z } from 'zod'
import { callTool as callToolWithCause, failedCall, fitsIntoEvent, unknownTool } from '../../src/agent/call-tool.ts'
import { defineTool, type Tool, type ToolContext, ToolError } from '../../src/tools/tool.ts'
import { toolContext } from '../helpers/tool-context.ts'

function makeTool(
  run: (input: { text: string }, context: ToolContext) => Promise<unknown>,
  overrides: Partial<Tool> = {}
) {
  const tool = defineTool({
    name: 'sample',
    description: 'for tests',
    source: 'builtin' as const,
    effect: 'none' as const,
    timeoutMs: 5_000,
    maxOutputBytes: 10,
    inputSchema: z.object({ text: z.string().min(1), times: z.int().default(1) }),
    execute: run
  })
  return { ...tool, ...overrides }
}

const callTool = async (...call: Parameters<typeof callToolWithCause>) => (await callToolWithCause(...call)).result

const echo = makeTool(async ({ text }) => text)

t.test('a tool call', async (t) => {
  t.match(
    await callTool(echo, { text: 'hello' }, toolContext()),
    { status: 'ok', text: 'hello' },
    'answers with its text'
  )
  const object = makeTool(async () => ({ a: 1 }))
  t.match(await callTool(object, { text: 'x' }, toolContext()), { status: 'ok', text: '{"a":1}' }, 'answers with JSON')
  const nothing = makeTool(async () => undefined)
  t.match(await callTool(nothing, { text: 'x' }, toolContext()), { status: 'ok', text: '' }, 'may answer with nothing')
  const defaults = makeTool(async (input) => (input as { times?: number }).times)
  t.match(
    await callTool(defaults, { text: 'x' }, toolContext()),
    { text: '1' },
    'gets its input with defaults filled in'
  )
})

t.test('a tool of an execution that was stopped is not begun', async (t) => {
  const never = makeTool(async () => t.fail('must not run'))
  const stop = new AbortController()
  const reason = new Error('stopped')
  const context = { ...toolContext(), signal: stop.signal }
  const mayAct = () => {
    stop.abort(reason)
    return undefined
  }
  await t.rejects(callTool(never, { text: 'x' }, context, mayAct), reason)
  await t.rejects(callTool(never, { text: 'x' }, context), reason)
})

const BAD_INPUTS: [input: unknown, message: RegExp][] = [
  [{}, /text: .*expected string/],
  [{ text: '' }, /text: Too small/],
  [{ text: 'x', times: 1.5 }, /times: .*expected int/],
  ['text', /expected object/],
  [null, /expected object/],
  [undefined, /expected object/],
  [{ text: 'x'.repeat(40_000) }, /the input has 40011 bytes; at most 32768/]
]

t.test('input that a model made up is checked before the tool runs', async (t) => {
  const never = makeTool(async () => t.fail('must not run'))
  for (const [input, message] of BAD_INPUTS) {
    const result = await callTool(never, input, toolContext())
    t.match(
      result,
      { status: 'error', error: { code: 'TOOL_INPUT_INVALID', message } },
      `refuses ${JSON.stringify(input)?.slice(0, 40)}`
    )
    t.equal(result.text, `Error: ${result.error?.message}`, 'and tells the model why')
  }
})

const OUTPUTS: [output: string, text: string, truncated: true | undefined][] = [
  ['1234567890', '1234567890', undefined],
  ['12345678901', '1234567890', true],
  ['中文字', '中文字', undefined],
  ['中文字符', '中文字', true],
  ['12345678😀', '12345678', true],
  ['123456😀', '123456😀', undefined],
  ['123456789\ud83d', '123456789', true]
]

t.test('long output is cut between characters and marked', async (t) => {
  for (const [output, text, truncated] of OUTPUTS) {
    const result = await callTool(
      makeTool(async () => output),
      { text: 'x' },
      toolContext()
    )
    t.same([result.text, result.truncated], [text, truncated], JSON.stringify(output))
    t.equal(result.status, 'ok')
  }
  const huge = await callTool(
    makeTool(async () => 'x'.repeat(100 * 1024 * 1024)),
    { text: 'x' },
    toolContext()
  )
  t.same([huge.text, huge.truncated], ['x'.repeat(10), true], '100 MB become ten bytes')
})

t.test('a failure of the tool is a result', async (t) => {
  const defect = new Error('secret detail')
  const { result: failing, cause } = await callToolWithCause(
    makeTool(() => Promise.reject(defect)),
    { text: 'x' },
    toolContext()
  )
  t.match(failing, { status: 'error', error: { code: 'TOOL_FAILED', message: 'sample failed' } })
  t.equal(cause, defect, 'whose cause is for the log')
  t.notMatch(failing.text, /secret/, 'and stays out of what the model reads')

  const saying = makeTool(() => Promise.reject(new ToolError('TOOL_UNAVAILABLE', 'no database')))
  t.match(await callTool(saying, { text: 'x' }, toolContext()), {
    status: 'error',
    text: 'Error: no database',
    error: { code: 'TOOL_UNAVAILABLE' }
  })

  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  t.match(
    await callTool(
      makeTool(async () => cyclic),
      { text: 'x' },
      toolContext()
    ),
    { error: { code: 'TOOL_FAILED' } }
  )
})

t.test('a tool that hangs is left behind at its timeout', async (t) => {
  const signals: AbortSignal[] = []
  const hang = (_input: unknown, { signal }: ToolContext) => {
    signals.push(signal)
    return new Promise(() => undefined)
  }
  const result = await callTool(makeTool(hang, { timeoutMs: 20 }), { text: 'x' }, toolContext())
  t.match(result, {
    status: 'timeout',
    error: { code: 'TOOL_TIMEOUT', message: 'sample did not answer within 20 ms' }
  })
  t.equal(signals[0]?.aborted, true, 'and is told so by its signal')

  const unsafe = await callTool(makeTool(hang, { timeoutMs: 20, effect: 'unsafe' }), { text: 'x' }, toolContext())
  t.match(
    unsafe,
    { status: 'unknown', error: { message: /whether it took effect is unknown/ } },
    'unknown when it has effects'
  )
})

t.test('when the execution is stopped, the call ends with the reason and is no result', async (t) => {
  const controller = new AbortController()
  const reason = new Error('stopped')
  const hang = makeTool(() => new Promise(() => undefined))
  const call = callTool(hang, { text: 'x' }, toolContext({ signal: controller.signal }))
  controller.abort(reason)
  await t.rejects(call, reason)
})

t.test('calls that cannot be run', async (t) => {
  t.match(unknownTool('rm', ['calculator', 'current_time']), {
    status: 'error',
    error: { code: 'TOOL_UNKNOWN', message: 'there is no tool "rm"; available: calculator, current_time' }
  })
  t.equal(failedCall('TOOL_INPUT_INVALID', 'x'.repeat(5_000)).error?.message.length, 1_000, 'have a short message')
  t.same([fitsIntoEvent({ a: 1 }), fitsIntoEvent('x'.repeat(40_000)), fitsIntoEvent(undefined)], [true, false, true])
})
