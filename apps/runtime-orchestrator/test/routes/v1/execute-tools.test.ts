import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { ALL_TOOLS, lastOf, makeToolRequest, run, shapeOf } from '../../helpers/execute.ts'
import { startApp } from '../../helpers/start-app.ts'

const simulator = await startSimulator(t, { SIMULATOR_GAP_MS: '1' })
const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

t.test('an agent with tools computes 17*23', async (t) => {
  const request = makeToolRequest('What is 17*23?', { agent: { systemPrompt: 'You compute.' } })
  const events = await run(origin, request)
  t.same(shapeOf(events), [
    'execution.started',
    'usage.updated',
    'plan.updated',
    'tool.started',
    'tool.finished',
    'step.updated',
    'message.started',
    'message.delta',
    'usage.updated',
    'message.completed',
    'execution.completed'
  ])
  const [started] = events.filter(({ type }) => type === 'tool.started')
  const [finished] = events.filter(({ type }) => type === 'tool.finished')
  t.match(started, {
    name: 'calculator',
    source: 'builtin',
    effect: 'none',
    stepId: 'step-1',
    input: { expression: '17*23' }
  })
  t.match(finished, { status: 'ok', output: '391' })
  t.equal((finished as { toolCallId: string }).toolCallId, (started as { toolCallId: string }).toolCallId)
  t.match(
    events.find(({ type }) => type === 'message.completed'),
    { content: /391/ }
  )
  t.match(
    events.find(({ type }) => type === 'plan.updated'),
    { planId: `plan-${request.executionId}`, steps: [{ id: 'step-1', title: 'Use calculator', status: 'running' }] }
  )
  t.match(
    events.find(({ type }) => type === 'step.updated'),
    { stepId: 'step-1', status: 'completed' }
  )

  const usages = events.flatMap((event) => (event.type === 'usage.updated' ? [event.totalTokens] : []))
  t.ok(usages[1]! > usages[0]!, 'usage grows with each model call')
  t.equal(lastOf(events, 'execution.completed').usage.totalTokens, usages[1], 'and its last value is the sum')

  const [first, second] = (await simulator.calls()).slice(-2)
  t.same(first?.tools, [...ALL_TOOLS, 'update_plan'], 'the model is offered the tools of the agent, and to plan')
  t.match(first?.messages, [
    { role: 'system', content: /^You compute\.\n\nResults of tools / },
    { role: 'user', content: 'What is 17*23?' }
  ])
  t.same(
    second?.messages.at(-1),
    { role: 'tool', content: '<tool_output status="ok">\n391\n</tool_output>' },
    'and is shown the result as data of a tool'
  )
})

t.test('an agent with tools that needs none answers in one step', async (t) => {
  const events = await run(origin, makeToolRequest('Hello there'))
  t.notOk(events.some(({ type }) => type.startsWith('tool.') || type === 'plan.updated'))
  t.match(lastOf(events, 'execution.completed'), { finishReason: 'stop' })
})

t.test('tools that are asked for together run together', async (t) => {
  const events = await run(origin, makeToolRequest('What is 2*3 and 4*5? And what is the time in Asia/Shanghai?'))
  const kinds = events.flatMap(({ type }) => (type.startsWith('tool.') ? [type] : []))
  t.same(kinds, [...Array(3).fill('tool.started'), ...Array(3).fill('tool.finished')], 'all begin before one ends')
  const outputs = events.flatMap((event) => (event.type === 'tool.finished' ? [event.output] : []))
  t.match(outputs, ['6', '20', /\+08:00 \(\w+, Asia\/Shanghai\)$/])
  t.equal(events.filter(({ type }) => type === 'plan.updated').length, 1, 'as one step')
})

t.test('several rounds of tools are several steps', async (t) => {
  const events = await run(origin, makeToolRequest('What is 2*3? [[sim:steps=3]]'))
  const updates = events.flatMap((event) => (event.type === 'step.updated' ? [event.stepId] : []))
  t.same(updates, ['step-1', 'step-2', 'step-3'])
  const plans = events.flatMap((event) =>
    event.type === 'plan.updated' ? [event.steps.map(({ status }) => status)] : []
  )
  t.same(plans.at(-1), ['completed', 'completed', 'running'])
  lastOf(events, 'execution.completed')
})

t.test('a plan that the model makes is shown, and followed', async (t) => {
  const message = 'What is 2*3? [[sim:plan=Compute;Check;Answer]][[sim:steps=2]]'
  const events = await run(origin, makeToolRequest(message))
  const plans = events.filter(({ type }) => type === 'plan.updated')
  t.match(plans, [
    {
      steps: [
        { id: 'step-1', title: 'Compute', status: 'running' },
        { id: 'step-2', title: 'Check', status: 'pending' },
        { id: 'step-3', title: 'Answer', status: 'pending' }
      ]
    }
  ])
  t.equal(plans.length, 1, 'once; what changes later are its steps')
  const updates = events.flatMap((event) => (event.type === 'step.updated' ? [[event.stepId, event.status]] : []))
  t.same(updates, [
    ['step-1', 'completed'],
    ['step-2', 'running'],
    ['step-2', 'completed'],
    ['step-3', 'skipped']
  ])
  const steps = events.flatMap((event) => (event.type === 'tool.started' ? [[event.name, event.stepId]] : []))
  t.same(
    steps,
    [
      ['calculator', 'step-1'],
      ['calculator', 'step-2']
    ],
    'tools belong to the step that runs, and telling a plan is no tool call of the user'
  )
  t.match(
    events.find(({ type }) => type === 'message.completed'),
    { content: /2\*3 = 6/ }
  )
})
