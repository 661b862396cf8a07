import type { Scenario } from '../figure.ts'
import { decisionScenario } from './decision.ts'
import { firstChatScenario } from './first-chat.ts'
import { killScenario, stopScenario } from './kill.ts'
import { lateSuccessScenario } from './late-success.ts'
import { noFallbackScenario } from './no-fallback.ts'
import { recoveryScenario } from './recovery.ts'
import { redisScenario } from './redis.ts'
import { replicasScenario } from './replicas.ts'
import { tripScenario } from './trip.ts'
import { truncationScenario } from './truncation.ts'
import { wireScenario } from './wire-faults.ts'

/** The figures of the automatic fallback, in the order in which they run. */
export const FALLBACK_SCENARIOS: readonly Scenario[] = [
  decisionScenario,
  killScenario,
  stopScenario,
  tripScenario,
  firstChatScenario,
  replicasScenario,
  redisScenario,
  recoveryScenario,
  noFallbackScenario,
  wireScenario,
  truncationScenario,
  lateSuccessScenario
]

/** Of these the load depends on what the machine can hold. */
export const NEED_RATE: readonly Scenario[] = [killScenario, stopScenario, tripScenario, redisScenario]
