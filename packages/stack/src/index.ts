export { freePort, isListening } from './claim.ts'
export { type Fault, type FaultProxy, type FaultProxyOptions, faultProxy } from './fault-proxy.ts'
export { type FindProgramOptions, findProgram } from './find-program.ts'
export {
  describeFindings,
  type Expected,
  type Fact,
  type Finding,
  type Incident,
  type IncidentExpectation,
  type IncidentSources,
  type IncidentView,
  openIncident
} from './incident-check.ts'
export { createLogBook, type LogBook } from './log-book.ts'
export { type MetricSamples, parseMetrics, readMetrics, sumOf } from './metric-samples.ts'
export { ENTRIES, REPOSITORY_ROOT, SOURCE_FLAGS } from './paths.ts'
export { type PostgresOptions, type RunningPostgres, startPostgres } from './postgres/start-postgres.ts'
export {
  type ProcessExit,
  type ProcessOptions,
  ProcessStartError,
  type RunningProcess,
  startProcess
} from './process.ts'
export { isSameProcess } from './process-identity.ts'
export { FAST_FACTOR, ruleFiles, writeFastRules } from './prometheus/fast-rules.ts'
export {
  alertmanagerConfig,
  type Observation,
  type ObserveOptions,
  observeStack
} from './prometheus/observe-stack.ts'
export { findAmtool, findPromtool } from './prometheus/programs.ts'
export type {
  ActiveAlert,
  PrometheusClient,
  QueryRange,
  Sample,
  SampleSeries,
  ScrapeTarget
} from './prometheus/prometheus-client.ts'
export {
  type AlertmanagerOptions,
  type ManagedAlert,
  type RunningAlertmanager,
  startAlertmanager
} from './prometheus/start-alertmanager.ts'
export {
  type PrometheusOptions,
  type RunningPrometheus,
  type ScrapeJob,
  startPrometheus
} from './prometheus/start-prometheus.ts'
export { type RedisOptions, type RunningRedis, startRedis } from './redis.ts'
export { writeDevEnv } from './stack/dev-env.ts'
export type { PlannedService, StackPlan } from './stack/plan-stack.ts'
export { type ProcessEntry, readProcesses } from './stack/processes-file.ts'
export { runCli } from './stack/run-cli.ts'
export { startStack } from './stack/start-stack.ts'
export type { DevOrganization, Stack, StackOptions } from './stack/types.ts'
export { type CollectedSpan, startTraceCollector, type TraceCollector } from './trace-collector.ts'
export { type WaitOptions, waitFor } from './wait-for.ts'
