import type {
  BREAKER_STATES,
  EXECUTION_ERROR_CODES,
  FALLBACK_EXECUTION_REASONS,
  HTTP_PEERS,
  MEMORY_LIMITS,
  MODES,
  PROBE_RESULTS,
  READ_REASONS,
  REFUSAL_REASONS,
  REQUEST_OUTCOMES,
  SHADOW_VERDICTS,
  SHED_REASONS,
  SPAN_OUTCOMES,
  STEPS,
  TOOL_OUTCOMES,
  TRANSITION_REASONS
} from './names.ts'

export type Mode = (typeof MODES)[number]
export type ExecutionErrorCode = (typeof EXECUTION_ERROR_CODES)[number]
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number]
export type BreakerState = (typeof BREAKER_STATES)[number]
export type TransitionReason = (typeof TRANSITION_REASONS)[number]
export type FallbackExecutionReason = (typeof FALLBACK_EXECUTION_REASONS)[number]
export type ProbeResult = (typeof PROBE_RESULTS)[number]
export type ShadowVerdict = (typeof SHADOW_VERDICTS)[number]
export type ShedReason = (typeof SHED_REASONS)[number]
export type ReadReason = (typeof READ_REASONS)[number]
export type Step = (typeof STEPS)[number]
export type RefusalReason = (typeof REFUSAL_REASONS)[number]
export type MemoryLimit = (typeof MEMORY_LIMITS)[number]
export type ToolOutcome = (typeof TOOL_OUTCOMES)[number]
export type SpanOutcome = (typeof SPAN_OUTCOMES)[number]
export type HttpPeer = (typeof HTTP_PEERS)[number]

/** One finished attempt. `traceId`: 32 hex digits of a trace that is kept somewhere, for an exemplar. */
export type ExecutionResult =
  | { ok: true; latencyMs: number; traceId?: string | undefined }
  | { ok: false; code: ExecutionErrorCode; latencyMs: number; traceId?: string | undefined }

/** One observation of a bucket that a trace tells more about. */
export interface Exemplar {
  /** 32 hex digits. */
  traceId: string
  value: number
  /** Milliseconds since the epoch. */
  atMs: number
}

/** The latest exemplar of each series, by its name with sorted labels: `name_bucket{le="500",mode="direct_llm"}`. */
export type Exemplars = ReadonlyMap<string, Exemplar>

export interface ChatMetricsOptions {
  /** RUNTIME_EXECUTION_TIMEOUT_MS: one more edge of the latency buckets when it lies above them. */
  executionTimeoutMs?: number
  /** Milliseconds since the epoch, for exemplars. Default `Date.now`. */
  now?: () => number
}

/**
 * What the api reports of chats. Every method is synchronous, and figures that are no figures (NaN, negative,
 * infinite) count as 0.
 */
export interface ChatMetrics {
  /** Total, success or error with its reason, and latency, in one tick: total = success + error at every scrape. */
  executionFinished(mode: Mode, result: ExecutionResult): void
  /** A cancelled attempt; it is in no other execution counter. */
  executionCancelled(mode: Mode): void
  /** In-flight gauge up; each call needs one `executionEnded`. */
  executionStarted(mode: Mode): void
  executionEnded(mode: Mode): void
  setInFlightLimit(mode: Mode, limit: number): void
  /** What the caller got, once per chat request whatever the number of attempts. */
  requestFinished(outcome: RequestOutcome): void
  firstToken(mode: Mode, seconds: number): void
  outputRate(mode: Mode, tokensPerSecond: number): void
  tokens(mode: Mode, input: number, output: number): void
  /** direct_llm answered in place of the runtime. */
  fallbackExecution(reason: FallbackExecutionReason): void
  fallbackTransition(to: BreakerState, reason: TransitionReason): void
  setFallback(enabled: boolean, forced: boolean): void
  setBreakerState(state: BreakerState): void
  breakerRejection(): void
  /** `target` is a configured URL or a resolved ip:port; beyond 64 of them all others share the value `other`. */
  setInstanceUp(target: string, up: boolean): void
  /** For an instance that is not configured any more. */
  removeInstance(target: string): void
  probe(result: ProbeResult): void
  shadow(verdict: ShadowVerdict): void
  shed(reason: ShedReason): void
  /** A read that a replica may answer. */
  databaseRead(reason: ReadReason): void
  healthCheck(ok: boolean, seconds: number): void
  /** Traces of recent attempts, for OpenMetrics; at most one for each bucket of the latency. */
  readonly exemplars: Exemplars
}

export interface RuntimeMetricsOptions {
  /** Names of the registered tools; every other name is counted as `other`. */
  tools?: readonly string[]
}

/** What a runtime process reports. */
export interface RuntimeMetrics {
  setInFlight(count: number): void
  setInFlightLimit(limit: number): void
  setQueueLength(length: number): void
  /** An execution that was not begun. */
  refused(reason: RefusalReason): void
  /** Share of a memory limit that is used, 0 to 1. */
  setMemoryUsed(limit: MemoryLimit, ratio: number): void
  setWorkers(running: number): void
  workerRestarted(): void
  step(step: Step, seconds: number): void
  toolCall(tool: string, outcome: ToolOutcome): void
}

/** State of a connection pool; matches `pg.Pool` but for `total`, which is its `totalCount`. */
export interface PoolStats {
  /** Connections that exist. */
  total: number
  idle: number
  /** Callers that wait for a connection. */
  waiting: number
  max: number
}

/** Connections to one origin as undici's `Agent.stats` has them. */
export interface HttpConnectionStats {
  connected: number | boolean
  /** Connected and not in use; missing where an origin has one connection only. */
  free?: number
  running?: number
  pending: number
}

/**
 * What a service reports of Postgres, Redis, and those that it calls over HTTP. Each `read` is called at each
 * scrape; it must be synchronous and cheap.
 */
export interface DependencyMetrics {
  observePool(read: () => PoolStats): void
  /** Connections to Redis: how many are up, of how many. */
  observeRedis(read: () => { ready: number; total: number }): void
  /** `read` gives the connections by origin. */
  observeHttpClient(peer: HttpPeer, read: () => Readonly<Record<string, HttpConnectionStats>>): void
  /** One round trip; an operation outside DATABASE_OPERATIONS counts as `other`. */
  databaseQuery(operation: string, seconds: number): void
  /** One command; a command outside REDIS_COMMANDS counts as `other`. */
  redisCommand(command: string, seconds: number): void
}

export interface ServiceMetricsOptions {
  version: string
  /** How many lines the log has dropped since the start of the process; read at each scrape. */
  droppedLines?: () => number
  /** What became of the spans since the start of the process; read at each scrape. */
  spans?: () => Record<SpanOutcome, number>
  /** Milliseconds of a clock that never goes back. Default `performance.now`. */
  now?: () => number
}
