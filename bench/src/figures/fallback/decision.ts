import { createHook } from 'node:async_hooks'
import { join } from 'node:path'
import { createFallbackBreaker, type FallbackBreaker } from '@semibot/breaker'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { type Figure, figure, type Scenario } from '../figure.ts'

/** What apps/api/src/chat/decide-mode.ts exports, as far as it is needed here. */
interface DecideModule {
  decideMode(
    services: { cutover: () => object; breaker: FallbackBreaker },
    question: { orgId: string; orgSlug: string; sessionId: string }
  ): { mode: string }
}

const ROUNDS = 7
const TIMES = 200_000
const LIMIT_NS = 1000

const CUTOVER = {
  executionMode: 'direct_llm',
  enabledOrgs: new Set(Array.from({ length: 100 }, (_, index) => `org-${index}`)),
  disabledOrgs: new Set(['org-of-somebody-else']),
  percent: 100
}

/** What it costs to choose a chat's mode, in this process. */
export const decisionScenario: Scenario = {
  name: 'decision',
  about: 'mode decision: time, and that it makes no call',
  async run() {
    const path = join(REPOSITORY_ROOT, 'apps/api/src/chat/decide-mode.ts')
    const { decideMode } = (await import(path)) as DecideModule
    const closed = createBreaker()
    const open = createBreaker()
    await open.force({ mode: 'open', reason: 'figures', actor: 'figures' })
    try {
      return [
        measure('closed', decideMode, closed, 'runtime_orchestrator'),
        measure('open', decideMode, open, 'direct_llm')
      ]
    } finally {
      await closed.close()
      await open.close()
    }
  }
}

function createBreaker(): FallbackBreaker {
  return createFallbackBreaker({
    instances: ['http://10.0.0.1:8000', 'http://10.0.0.2:8000'],
    thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 },
    probe: async () => {}
  })
}

function measure(
  state: string,
  decideMode: DecideModule['decideMode'],
  breaker: FallbackBreaker,
  expected: string
): Figure {
  const services = { cutover: () => CUTOVER, breaker }
  const questions = Array.from({ length: 4096 }, (_, index) => ({
    orgId: crypto.randomUUID(),
    orgSlug: `org-${index % 100}`,
    sessionId: crypto.randomUUID()
  }))
  let bestNs = Number.POSITIVE_INFINITY
  let asExpected = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let index = 0; index < TIMES; index++) {
      if (decideMode(services, questions[index % questions.length]!).mode === expected) asExpected++
    }
    bestNs = Math.min(bestNs, ((performance.now() - start) * 1e6) / TIMES)
  }

  // Every socket, file, timer and promise is an async resource: none is begun, so nothing is asked of anybody.
  let resources = 0
  const hook = createHook({ init: () => resources++ }).enable()
  for (const question of questions) decideMode(services, question)
  hook.disable()
  const isRight = asExpected === ROUNDS * TIMES
  return figure(
    {
      fault: `mode decision, breaker ${state}`,
      asked: '<= 1 us, no I/O',
      measured: `${bestNs.toFixed(0)} ns, ${resources} async resources in ${questions.length} decisions${isRight ? '' : ', wrong mode'}`
    },
    bestNs <= LIMIT_NS && resources === 0 && isRight,
    []
  )
}
