import { type ChatEventBody, chatEventBodySchema, type PlanStep } from '@semibot/chat-protocol'
import fc from 'fast-check'
import t from 'tap'
import { PLAN_TOOL, Plan } from '../../src/agent/plan.ts'

type Status = PlanStep['status']

function createPlan() {
  const events: ChatEventBody[] = []
  const plan = new Plan('plan-1', (event) => events.push(event))
  const follow = (...steps: [title: string, status: Status][]) =>
    plan.follow({ input: { steps: steps.map(([title, status]) => ({ title, status })) } })
  return { plan, events, follow }
}

/** What a client shows that has read these events. */
function shown(events: readonly ChatEventBody[]): [id: string, title: string, status: Status][] {
  let steps: PlanStep[] = []
  for (const event of events) {
    if (event.type === 'plan.updated') steps = event.steps
    if (event.type === 'step.updated')
      steps = steps.map((step) => (step.id === event.stepId ? { ...step, status: event.status } : step))
  }
  return steps.map(({ id, title, status }) => [id, title, status])
}

const call = (name: string) => ({ name, input: {} })

t.test('without a plan of the model, each turn with tools is a step', async (t) => {
  const { plan, events } = createPlan()
  t.equal(plan.begin([call('a'), call('b'), call('a')]), 'step-1')
  plan.end('step-1', [{ status: 'ok' }, { status: 'ok' }])
  t.equal(plan.begin([call('c')]), 'step-2')
  plan.end('step-2', [{ status: 'timeout' }])
  t.same(shown(events), [
    ['step-1', 'Use a, b', 'completed'],
    ['step-2', 'Use c', 'failed']
  ])
  t.equal(plan.begin([call(PLAN_TOOL)]), undefined, 'telling a plan is none')
  for (let turn = 0; turn < 150; turn++) plan.begin([call('x'.repeat(500))])
  t.equal(shown(events).length, 100, 'the newest hundred are kept')
  for (const event of events) t.ok(chatEventBodySchema.safeParse(event).success)
})

t.test('a plan of the model', async (t) => {
  const { plan, events, follow } = createPlan()
  plan.begin([call('a')])
  t.match(follow(['Look', 'running'], ['Write', 'pending']), { status: 'ok' })
  t.same(
    shown(events),
    [
      ['step-2', 'Look', 'running'],
      ['step-3', 'Write', 'pending']
    ],
    'takes the place of the steps so far'
  )
  const before = events.length
  follow(['Look', 'running'], ['Write', 'pending'])
  t.equal(events.length, before, 'told again, it is not shown again')
  t.equal(plan.begin([call('b')]), 'step-2', 'gives tools their step')
  plan.end('step-2', [{ status: 'error' }])
  t.equal(events.length, before, 'and its steps end when the model says so')
  follow(['Look', 'failed'], ['Ask', 'running'], ['Write', 'pending'])
  t.same(
    shown(events),
    [
      ['step-2', 'Look', 'failed'],
      ['step-4', 'Ask', 'running'],
      ['step-3', 'Write', 'pending']
    ],
    'may change; steps that stay keep their ids'
  )
  plan.finish()
  t.same(
    shown(events).map(([, , status]) => status),
    ['failed', 'completed', 'skipped'],
    'ends with the answer'
  )
})

t.test('a plan that comes with the first tools is already theirs', async (t) => {
  const { plan, events } = createPlan()
  const input = { steps: [{ title: 'Look', status: 'running' }] }
  t.equal(plan.begin([call('a'), { name: PLAN_TOOL, input }]), 'step-1')
  t.same(shown(events), [['step-1', 'Look', 'running']])
})

t.test('a plan that is none changes nothing', async (t) => {
  const { plan, events } = createPlan()
  const step = { title: 'x', status: 'running' }
  for (const input of [
    null,
    {},
    { steps: [] },
    { steps: [{ ...step, status: 'later' }] },
    { steps: Array(31).fill(step) }
  ])
    t.match(plan.follow({ input }), { status: 'error', error: { code: 'TOOL_INPUT_INVALID' } })
  t.same(events, [])
})

t.test('whatever plans come after each other, a client shows the last one, each step once', async () => {
  const status = fc.constantFrom<Status>('pending', 'running', 'completed', 'failed', 'skipped')
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), status), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(steps, { minLength: 1, maxLength: 6 }), (plans) => {
      const { events, follow } = createPlan()
      for (const plan of plans) follow(...plan)
      const seen = shown(events)
      const last = plans.at(-1)!
      if (JSON.stringify(seen.map(([, title, is]) => [title, is])) !== JSON.stringify(last)) throw new Error('differs')
      if (new Set(seen.map(([id]) => id)).size !== last.length) throw new Error('an id twice')
    })
  )
})
