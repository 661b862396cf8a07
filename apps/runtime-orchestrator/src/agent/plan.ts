import type { ChatEventBody, PlanStep } from '@semibot/chat-protocol'

const MAX_STEPS = 100

/** What an agent with tools does, told as a list of steps that grows while it works. */
export class Plan {
  readonly #planId: string
  readonly #emit: (event: ChatEventBody) => void
  #steps: PlanStep[] = []
  #count = 0
  #startedAt = 0

  constructor(planId: string, emit: (event: ChatEventBody) => void) {
    this.#planId = planId
    this.#emit = emit
  }

  /** Adds a step that runs now. Returns its id. */
  begin(title: string): string {
    const step: PlanStep = { id: `step-${++this.#count}`, title: title.slice(0, 200), status: 'running' }
    this.#startedAt = performance.now()
    this.#steps = [...this.#steps, step].slice(-MAX_STEPS)
    this.#emit({ type: 'plan.updated', planId: this.#planId, steps: this.#steps })
    return step.id
  }

  /** Ends the step that runs, if one does. */
  end(status: 'completed' | 'failed'): void {
    const step = this.#steps.at(-1)
    if (step?.status !== 'running') return
    const durationMs = Math.round(performance.now() - this.#startedAt)
    this.#steps = [...this.#steps.slice(0, -1), { ...step, status, durationMs }]
    this.#emit({ type: 'step.updated', stepId: step.id, status, durationMs })
  }
}
