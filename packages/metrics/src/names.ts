export const MODES = ['direct_llm', 'runtime_orchestrator'] as const
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
export const REQUEST_OUTCOMES = ['success', 'error', 'rejected', 'cancelled'] as const
export const TOKEN_TYPES = ['input', 'output'] as const
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const
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
/** Why direct_llm answered instead of the runtime: the code of the failed attempt, or why the breaker was not closed. */
export const FALLBACK_EXECUTION_REASONS = [...EXECUTION_ERROR_CODES, ...TRANSITION_REASONS, 'half_open'] as const
export const PROBE_RESULTS = ['ok', 'failed'] as const
export const SHADOW_VERDICTS = ['match', 'differ', 'error', 'skipped'] as const
export const SHED_REASONS = [
  'in_flight',
  'queue_full',
  'queue_timeout',
  'org_rate',
  'org_concurrency',
  'runtime_overloaded',
  'bulkhead',
  'draining'
] as const
export const STEPS = ['plan', 'tool', 'llm'] as const
export const TOOL_OUTCOMES = ['ok', 'error', 'denied', 'timeout', 'unknown'] as const
export const POOL_STATES = ['idle', 'used'] as const
