import type { Test } from 'tap'
import {
  type BreakerStatus,
  createFallbackBreaker,
  type FallbackBreaker,
  type FallbackBreakerOptions,
  type Pass,
  type Thresholds,
  type Transition
} from '../../src/index.ts'
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts'

export const THRESHOLDS: Thresholds = { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 }

/** What the runtime instances do when they are called. */
export type Behaviour = 'ok' | 'refuses' | 'fails' | 'times_out' | 'cancelled' | 'hangs' | 'model_fails'

/** A failed execution as the adapter throws it. */
export class ExecutionFailure extends Error {
  readonly code: string
  readonly origin: string
  constructor(code: string, origin = 'runtime') {
    super(code)
    this.code = code
    this.origin = origin
  }
}

const FAILURES: Record<Exclude<Behaviour, 'ok' | 'hangs'>, () => Error> = {
  refuses: () => new ExecutionFailure('RUNTIME_UNAVAILABLE'),
  fails: () => new ExecutionFailure('RUNTIME_INTERNAL'),
  times_out: () => new ExecutionFailure('RUNTIME_TIMEOUT'),
  cancelled: () => new DOMException('cancelled', 'AbortError'),
  model_fails: () => new ExecutionFailure('LLM_UNAVAILABLE', 'llm')
}

/** One api process on a simulated clock, with runtime instances whose behaviour the test sets. */
export interface Simulation {
  clock: SimulatedClock
  breaker: FallbackBreaker
  behaviour: Map<string, Behaviour>
  transitions: Transition[]
  probes: { at: number; instance: string }[]
  instanceChanges: [string, boolean, string][]
  rejected: string[]
  runs: number
  /** A chat as the api runs it: admitted, placed, called; says what happened. */
  chat(sessionId?: string): Promise<'runtime' | 'refused' | 'turned_away' | 'failed'>
  chats(count: number): Promise<void>
  status(): BreakerStatus
}

export const ONLY = 'http://runtime-1:8000'

export function simulate(t: Test, options: Partial<FallbackBreakerOptions> = {}): Simulation {
  const clock = createSimulatedClock()
  const instances = options.instances ?? [ONLY]
  const behaviour = new Map<string, Behaviour>(instances.map((url) => [url, 'ok']))
  let sessions = 0
  const answer = async (url: string) => {
    const does = behaviour.get(url) ?? 'refuses'
    if (does === 'hangs') await new Promise(() => {})
    if (does !== 'ok' && does !== 'hangs') throw FAILURES[does]()
  }
  const simulation: Simulation = {
    clock,
    behaviour,
    transitions: [],
    probes: [],
    instanceChanges: [],
    rejected: [],
    runs: 0,
    breaker: createFallbackBreaker({
      thresholds: THRESHOLDS,
      probe: async (instance) => {
        simulation.probes.push({ at: clock.now(), instance })
        await answer(instance)
      },
      onTransition: (transition) => simulation.transitions.push(transition),
      onInstance: (...change) => simulation.instanceChanges.push(change),
      onRejected: (instance) => simulation.rejected.push(instance),
      onError: (error) => t.fail(`a callback threw ${error}`),
      random: () => 0.5,
      ...options,
      instances,
      clock
    }),
    async chat(sessionId = `session-${++sessions}`) {
      const { breaker } = simulation
      const pass = breaker.admit(sessionId)
      if (!pass.allowed) return 'refused'
      const instance = breaker.pick(pass, sessionId)
      if (instance === null) return 'refused'
      return runOn(simulation, pass, instance, () => answer(instance))
    },
    async chats(count) {
      for (let index = 0; index < count; index++) await simulation.chat()
    },
    status: () => simulation.breaker.status()
  }
  t.teardown(() => simulation.breaker.close())
  return simulation
}

async function runOn(
  simulation: Simulation,
  pass: Pass,
  instance: string,
  answer: () => Promise<void>
): Promise<'runtime' | 'turned_away' | 'failed'> {
  let wasRun = false
  try {
    await simulation.breaker.call(pass, instance, async ({ accepted }) => {
      wasRun = true
      simulation.runs++
      await answer()
      accepted()
    })
    return 'runtime'
  } catch {
    return wasRun ? 'failed' : 'turned_away'
  }
}
