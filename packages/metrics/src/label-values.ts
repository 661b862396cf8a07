// The closed sets behind labels and buckets of names.ts.

/** The two ways in which a chat is executed. Equal to CHAT_MODES of @semibot/chat-protocol. */
export const MODES = ['direct_llm', 'runtime_orchestrator'] as const

/** Why an attempt failed. Equal to EXECUTION_ERROR_CODES of @semibot/chat-protocol. */
export const EXECUTION_ERROR_CODES = [
  'RUNTIME_UNAVAILABLE',
  'RUNTIME_STALLED',
  'RUNTIME_TIMEOUT',
  'RUNTIME_OVERLOADED',
  'RUNTIME_PROTOCOL',
  'RUNTIME_INTERNAL',
  'RUNTIME_DEPENDENCY',
  'LLM_RATE_LIMITED',
  'LLM_UNAVAILABLE',
  'LLM_REJECTED',
  'TOOL_FAILED',
  'LIMIT_EXCEEDED',
  'DEADLINE_EXCEEDED'
] as const

/** How a chat request ended for the person who sent it. */
export const REQUEST_OUTCOMES = ['success', 'error', 'rejected', 'cancelled'] as const

/** Which tokens are counted. */
export const TOKEN_TYPES = ['input', 'output'] as const

/** Equal to BREAKER_STATES of @semibot/breaker. */
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const

/** Why the product state changed. Equal to TRANSITION_REASONS of @semibot/breaker. */
export const TRANSITION_REASONS = [
  'error_rate',
  'timeout_rate',
  'latency',
  'health',
  'unavailable',
  'forced',
  'reset',
  'recovered'
] as const

/** Why direct_llm answered a chat that the runtime should have: the code of the failed attempt, or why none was made. */
export const FALLBACK_EXECUTION_REASONS = [...EXECUTION_ERROR_CODES, ...TRANSITION_REASONS, 'half_open'] as const

/** How a probe of the runtime ended. */
export const PROBE_RESULTS = ['success', 'error'] as const

/** `completed`: it gave an answer, which nobody has compared yet. `skipped`: there was no room for it. */
export const SHADOW_VERDICTS = ['completed', 'error', 'skipped'] as const

/** Which limit refused work. */
export const SHED_REASONS = [
  'queue_full',
  'queue_timeout',
  'org_rate',
  'org_concurrency',
  'runtime_overloaded'
] as const

/** `plan`: a step of the plan, which is all tools of one turn; `tool`: each of them; `llm`: a model call. */
export const STEPS = ['plan', 'tool', 'llm'] as const

/** How a tool call ended. Equal to TOOL_STATUSES of @semibot/chat-protocol. */
export const TOOL_OUTCOMES = ['ok', 'error', 'denied', 'timeout', 'unknown'] as const

/** `unavailable`: nothing was sent, or the server refused it; `stopped`: given up by its timeout, or with its execution. */
export const MCP_CALL_OUTCOMES = ['ok', 'error', 'unavailable', 'unknown', 'stopped'] as const

/** What became of a span that ended: `failed`: the collector did not take it; `dropped`: too many were waiting. */
export const SPAN_OUTCOMES = ['exported', 'failed', 'dropped'] as const

/** What a connection of a pool does. */
export const POOL_STATES = ['idle', 'used'] as const

/** `down`: not connected, or not yet. */
export const REDIS_CONNECTION_STATES = ['ready', 'down'] as const

/** Whom a service calls over HTTP. */
export const HTTP_PEERS = ['runtime', 'model'] as const

/**
 * Why a server answered a read: `caught_up` is the replica's; the others are the primary's, because the replica was
 * behind, resting after a failure, failed in this read, no replica, or because there is none.
 */
export const READ_REASONS = ['caught_up', 'behind', 'resting', 'failed', 'not_a_replica', 'none'] as const

/** Groups of statements; anything else is counted as `other`. */
export const DATABASE_OPERATIONS = [
  'accept_turn',
  'finish_turn',
  'save_progress',
  'auth',
  'sessions',
  'messages',
  'agents',
  'executions',
  'tool_calls',
  'instances',
  'fallback',
  'journal',
  'maintenance',
  'ready',
  'other'
] as const

/** Groups of commands; anything else is counted as `other`. */
export const REDIS_COMMANDS = ['get', 'set', 'del', 'incr', 'eval', 'publish', 'stream', 'ping', 'other'] as const

/** Why a runtime does not begin an execution. */
export const REFUSAL_REASONS = ['full', 'org_share', 'memory', 'draining'] as const

/** The limits of memory that a runtime keeps away from. */
export const MEMORY_LIMITS = ['heap', 'cgroup'] as const

/** Value of an open label beyond its bound. */
export const OTHER = 'other'

/** Most instances of the runtime that have a series of their own. */
export const MAX_TARGETS = 64

/** Edges at the thresholds that operators look at (3 s, 5 s, 10 s, 300 s) and dense enough for a P99. Milliseconds. */
export const LATENCY_BUCKETS_MS = [
  100, 250, 500, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 7500, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000,
  90_000, 120_000, 180_000, 240_000, 300_000
] as const

/** Time to the first token, seconds. */
export const FIRST_TOKEN_BUCKETS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 20, 30, 60] as const
/** Tokens per second. */
export const OUTPUT_RATE_BUCKETS = [1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 400] as const
/** HTTP requests that a service answers, seconds. */
export const HTTP_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300] as const
/** Steps of an agent, seconds. */
export const STEP_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300] as const
/** Round trips to PostgreSQL and Redis, seconds. */
export const DEPENDENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5] as const
/** Health checks of the runtime, seconds. */
export const HEALTH_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] as const
