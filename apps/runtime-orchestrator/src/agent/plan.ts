import type { ChatEventBody, PlanStep } from '@semibot/chat-protocol'
import { z } from 'zod'
import { zodInput } from '../tools/tool.ts'
import { failedCall, type ToolResult } from './call-tool.ts'

/** The tool by which a model tells its plan; it does nothing but show it. */
export const PLAN_TOOL = 'update_plan'

export const PLAN_DESCRIPTION =
  'Shows the user your plan. Use it for tasks of three steps or more, together with the first tool calls, and again ' +
  'when a step begins or ends. Give the whole plan each time; at most one step is running.'

const MAX_PLANNED_STEPS = 30
const MAX_STEPS = 100
const MAX_TITLE_LENGTH = 200

export const PLAN_INPUT = zodInput(
  z.object({
    steps: z
      .array(
        z.object({
          title: z.string().trim().min(1).max(MAX_TITLE_LENGTH).describe('What is done, in a few words'),
          status: z.enum(['pending', 'running', 'completed', 'failed', 'skipped'])
        })
      )
      .min(1)
      .max(MAX_PLANNED_STEPS)
  })
)

/**
 * What an agent with tools does, told as a list of steps: the plan that the model made, or else one step for each
 * turn with tools, a list that grows while it works.
 */
export class Plan {
  readonly #planId: string
  readonly #emit: (event: ChatEventBody) => void
  #steps: PlanStep[] = []
  #count = 0
  /** The steps are the model's. */
  #planned = false
  readonly #startedAt = new Map<string, number>()

  constructor(planId: string, emit: (event: ChatEventBody) => void) {
    this.#planId = planId
    this.#emit = emit
  }

  /** Tools begin to run. Returns the step that they belong to; undefined when the model's plan names none. */
  begin(calls: readonly { name: string; input: unknown }[]): string | undefined {
    const tools = calls.filter(({ name }) => name !== PLAN_TOOL)
    if (tools.length === 0) return undefined
    // A plan that comes with these calls is theirs already.
    const plan = calls.find(({ name }) => name === PLAN_TOOL)
    if (plan !== undefined) this.follow(plan)
    if (this.#planned) return this.#steps.find(({ status }) => status === 'running')?.id
    const title = `Use ${[...new Set(tools.map(({ name }) => name))].join(', ')}`
    const step = this.#create(title.slice(0, MAX_TITLE_LENGTH), 'running')
    this.#show([...this.#steps, step].slice(-MAX_STEPS))
    return step.id
  }

  /** The tools of this step have their results. */
  end(stepId: string | undefined, results: readonly { status: string }[]): void {
    if (this.#planned || stepId === undefined) return
    this.#change(stepId, results.every(({ status }) => status === 'ok') ? 'completed' : 'failed')
  }

  /** Takes over the model's plan as it is now. Gives what the model reads of it. */
  follow({ input }: { input: unknown }): ToolResult {
    const checked = PLAN_INPUT.check(input)
    if (!checked.success) return failedCall('TOOL_INPUT_INVALID', checked.message)
    const wanted = (checked.data as { steps: { title: string; status: PlanStep['status'] }[] }).steps
    const same =
      this.#planned &&
      wanted.length === this.#steps.length &&
      wanted.every(({ title }, index) => title === this.#steps[index]!.title)
    if (same) for (const [index, { status }] of wanted.entries()) this.#change(this.#steps[index]!.id, status)
    else this.#replace(wanted)
    return { status: 'ok', text: 'The plan is shown.', durationMs: 0 }
  }

  /** The answer is written: what still runs is done, what did not begin will not. */
  finish(): void {
    for (const { id, status } of this.#steps) {
      if (status === 'running') this.#change(id, 'completed')
      else if (status === 'pending') this.#change(id, 'skipped')
    }
  }

  #replace(wanted: readonly { title: string; status: PlanStep['status'] }[]): void {
    const known = this.#planned ? [...this.#steps] : []
    this.#planned = true
    this.#show(
      wanted.map(({ title, status }) => {
        const at = known.findIndex((step) => step.title === title)
        if (at < 0) return this.#create(title, status)
        // Each step is itself only once, also when two have the same title.
        const [{ id }] = known.splice(at, 1) as [PlanStep]
        return { id, title, ...this.#ending(id, status) }
      })
    )
  }

  #create(title: string, status: PlanStep['status']): PlanStep {
    const id = `step-${++this.#count}`
    return { id, title, ...this.#ending(id, status) }
  }

  /** A step's status, and how long it took when it has ended. */
  #ending(id: string, status: PlanStep['status']): Pick<PlanStep, 'status' | 'durationMs'> {
    if (status === 'running' && !this.#startedAt.has(id)) this.#startedAt.set(id, performance.now())
    const startedAt = this.#startedAt.get(id)
    if (startedAt === undefined || status === 'running') return { status }
    return { status, durationMs: Math.round(performance.now() - startedAt) }
  }

  #show(steps: PlanStep[]): void {
    this.#steps = steps
    this.#emit({ type: 'plan.updated', planId: this.#planId, steps })
  }

  #change(stepId: string, status: PlanStep['status']): void {
    const step = this.#steps.find(({ id }) => id === stepId)
    if (step === undefined || step.status === status) return
    const changed = { ...step, ...this.#ending(stepId, status) }
    this.#steps = this.#steps.map((other) => (other === step ? changed : other))
    this.#emit({ type: 'step.updated', stepId, ...this.#ending(stepId, status) })
  }
}
