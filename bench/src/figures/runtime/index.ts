import type { Scenario } from '../figure.ts'
import { fullHouseScenario } from './full-house.ts'
import { journalPointsScenario } from './journal-points.ts'
import { killScenario } from './kill.ts'
import { postgresScenario } from './postgres.ts'
import { pureChatScenario } from './pure-chat.ts'
import { rollingScenario } from './rolling.ts'
import { zombieScenario } from './zombie.ts'

/** The figures of durable runs, in the order in which they run. */
export const RUNTIME_SCENARIOS: readonly Scenario[] = [
  killScenario,
  zombieScenario,
  journalPointsScenario,
  rollingScenario,
  fullHouseScenario,
  pureChatScenario,
  postgresScenario
]
