import type { Scenario } from './scenario.ts'
import { errorRate } from './scenarios/error-rate.ts'
import { flapping } from './scenarios/flapping.ts'
import { latency } from './scenarios/latency.ts'
import { postgresDown } from './scenarios/postgres-down.ts'
import { redisDown } from './scenarios/redis-down.ts'
import { runtimeDown } from './scenarios/runtime-down.ts'

/** The runbook's four, in its order, and the loss of each store. */
export const SCENARIOS: readonly Scenario[] = [runtimeDown, errorRate, latency, flapping, redisDown, postgresDown]
