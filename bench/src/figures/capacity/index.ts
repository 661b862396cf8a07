import type { Scenario } from '../figure.ts'
import { executionsScenario, requestsScenario } from './at-once.ts'
import { turnsScenario } from './turns.ts'

/** What the operations document's table of capacity says, measured. */
export const CAPACITY_SCENARIOS: readonly Scenario[] = [turnsScenario, requestsScenario, executionsScenario]
