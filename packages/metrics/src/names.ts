import {
  BREAKER_STATES,
  DATABASE_OPERATIONS,
  DEPENDENCY_BUCKETS,
  EXECUTION_ERROR_CODES,
  FALLBACK_EXECUTION_REASONS,
  FIRST_TOKEN_BUCKETS,
  HEALTH_BUCKETS,
  HTTP_BUCKETS,
  HTTP_PEERS,
  LATENCY_BUCKETS_MS,
  MCP_CALL_OUTCOMES,
  MEMORY_LIMITS,
  MODES,
  OUTPUT_RATE_BUCKETS,
  POOL_STATES,
  PROBE_RESULTS,
  READ_REASONS,
  REDIS_COMMANDS,
  REDIS_CONNECTION_STATES,
  REFUSAL_REASONS,
  REQUEST_OUTCOMES,
  SHADOW_VERDICTS,
  SHED_REASONS,
  SPAN_OUTCOMES,
  STEP_BUCKETS,
  STEPS,
  TOKEN_TYPES,
  TOOL_OUTCOMES,
  TRANSITION_REASONS
} from './label-values.ts'

/**
 * Every metric of both services: name, help, type, labels with all their values, buckets. Constants only, so that
 * rules, dashboards and tests can read them without a registry.
 */
export * from './label-values.ts'

/** The values of a label: all of them, or `open` when they come from configuration and code, under a bound. */
export type LabelValues = readonly string[] | 'open'

/** The types of the Prometheus text format that are used. */
export type MetricType = 'counter' | 'gauge' | 'histogram'

/** One metric, without a registry. */
export interface MetricDefinition<
  Type extends MetricType = MetricType,
  Labels extends Record<string, LabelValues> = Record<string, LabelValues>
> {
  readonly name: string
  readonly help: string
  readonly type: Type
  readonly labels: Labels
  /** Upper edges; empty unless the type is histogram. */
  readonly buckets: readonly number[]
}

function define<Type extends MetricType>(type: Type) {
  return <const Labels extends Record<string, LabelValues>>(
    name: string,
    help: string,
    labels: Labels,
    buckets: readonly number[] = []
  ): MetricDefinition<Type, Labels> => ({ name, help, type, labels, buckets })
}

const counter = define('counter')
const gauge = define('gauge')
const histogram = define('histogram')

const byMode = { mode: MODES } as const
const none = {} as const

/** What only the api shows. */
export const API_METRICS = {
  executionTotal: counter(
    'chat_execution_total',
    'Finished execution attempts, whatever their outcome; cancelled ones are not among them.',
    byMode
  ),
  executionSuccess: counter('chat_execution_success_total', 'Execution attempts that completed.', byMode),
  executionError: counter('chat_execution_error_total', 'Execution attempts that failed, whoever caused it.', byMode),
  executionCancelled: counter(
    'chat_execution_cancelled_total',
    'Execution attempts that were cancelled; outside chat_execution_total.',
    byMode
  ),
  executionErrorReasons: counter(
    'chat_execution_error_reasons_total',
    'Failed execution attempts by error code; sums up to chat_execution_error_total.',
    { mode: MODES, code: EXECUTION_ERROR_CODES }
  ),
  executionLatency: histogram(
    'chat_execution_latency_ms',
    'Wall time of finished execution attempts in milliseconds.',
    byMode,
    LATENCY_BUCKETS_MS
  ),
  requests: counter('chat_request_total', 'Chat requests by what the caller got.', { outcome: REQUEST_OUTCOMES }),
  executionInFlight: gauge('chat_execution_in_flight', 'Execution attempts under way.', byMode),
  executionInFlightLimit: gauge(
    'chat_execution_in_flight_limit',
    'Most execution attempts that may be under way.',
    byMode
  ),
  firstToken: histogram(
    'chat_time_to_first_token_seconds',
    'Time from the start of an attempt to its first visible text.',
    byMode,
    FIRST_TOKEN_BUCKETS
  ),
  outputRate: histogram(
    'chat_output_tokens_per_second',
    'Output tokens per second of completed attempts, from the first token on.',
    byMode,
    OUTPUT_RATE_BUCKETS
  ),
  tokens: counter('chat_tokens_total', 'Tokens that model calls used.', { mode: MODES, type: TOKEN_TYPES }),
  fallbackEnabled: gauge(
    'chat_runtime_fallback_enabled',
    '1 while chats are kept from the runtime by the breaker or by force, else 0.',
    none
  ),
  fallbackForced: gauge(
    'chat_runtime_fallback_forced',
    '1 while an operator forces the fallback open or closed, else 0.',
    none
  ),
  fallbackTransitions: counter('chat_runtime_fallback_transitions_total', 'Changes of the fallback state.', {
    to: BREAKER_STATES,
    reason: TRANSITION_REASONS
  }),
  fallbackExecutions: counter(
    'chat_fallback_executions_total',
    'Chats that direct_llm answered in place of the runtime.',
    { reason: FALLBACK_EXECUTION_REASONS }
  ),
  breakerState: gauge('chat_runtime_breaker_state', '1 for the state that the breaker is in, 0 for the others.', {
    state: BREAKER_STATES
  }),
  breakerRejections: counter(
    'chat_runtime_breaker_rejections_total',
    'Runtime calls that the breaker did not let through.',
    none
  ),
  instanceUp: gauge('chat_runtime_instance_up', '1 while this runtime instance is usable from here, else 0.', {
    target: 'open'
  }),
  probes: counter('chat_runtime_probe_total', 'Synthetic probes of the runtime.', { result: PROBE_RESULTS }),
  shadow: counter(
    'chat_shadow_total',
    'Copies of direct chats that were sent to the runtime to see how it does, by how they ended.',
    {
      verdict: SHADOW_VERDICTS
    }
  ),
  shed: counter('chat_shed_total', 'Work that was refused for capacity.', { reason: SHED_REASONS }),
  reads: counter(
    'db_reads_total',
    'Reads that a replica may answer, by why a server answered them; caught_up are those of the replica.',
    { reason: READ_REASONS }
  ),
  healthStatus: gauge(
    'chat_runtime_health_status',
    '1 when the last health check of the runtime was good, else 0.',
    none
  ),
  healthCheckDuration: histogram(
    'chat_runtime_health_check_duration_seconds',
    'Duration of health checks of the runtime.',
    none,
    HEALTH_BUCKETS
  )
}

/** What only a runtime shows. */
export const RUNTIME_METRICS = {
  runtimeInFlight: gauge('runtime_execution_in_flight', 'Executions under way in this runtime.', none),
  runtimeInFlightLimit: gauge(
    'runtime_execution_in_flight_limit',
    'Most executions that may be under way in this runtime, all its workers together.',
    none
  ),
  runtimeQueueLength: gauge(
    'runtime_execution_queue_length',
    'Executions that wait for a place in this runtime.',
    none
  ),
  runtimeRefused: counter('runtime_execution_refused_total', 'Executions that this runtime did not begin.', {
    reason: REFUSAL_REASONS
  }),
  runtimeMemoryUsed: gauge(
    'runtime_memory_used_ratio',
    'Share of a memory limit that is used; from RUNTIME_MEMORY_HIGH_WATER on, new executions are refused.',
    { limit: MEMORY_LIMITS }
  ),
  runtimeWorkers: gauge('runtime_workers', 'Worker processes of this runtime that take calls.', none),
  runtimeWorkerRestarts: counter(
    'runtime_worker_restarts_total',
    'Worker processes that ended by themselves and were started again.',
    none
  ),
  stepDuration: histogram(
    'runtime_step_duration_seconds',
    'Duration of the steps of the agent loop.',
    { step: STEPS },
    STEP_BUCKETS
  ),
  toolCalls: counter('runtime_tool_calls_total', 'Tool calls by registered tool and outcome.', {
    tool: 'open',
    outcome: TOOL_OUTCOMES
  }),
  mcpServerUp: gauge('runtime_mcp_server_up', '1 while this MCP server is connected, else 0.', { server: 'open' }),
  mcpServerRestarts: counter(
    'runtime_mcp_server_restarts_total',
    'Attempts to connect to this MCP server again after it was lost or could not be reached.',
    { server: 'open' }
  ),
  mcpCalls: counter('runtime_mcp_calls_total', 'Tool calls by MCP server and outcome.', {
    server: 'open',
    outcome: MCP_CALL_OUTCOMES
  })
}

/** What both services show of themselves and of what they depend on. */
export const SHARED_METRICS = {
  poolConnections: gauge('db_pool_connections', 'Connections of the database pool.', { state: POOL_STATES }),
  poolConnectionsMax: gauge('db_pool_connections_max', 'Most connections that the database pool may open.', none),
  poolWaiting: gauge('db_pool_waiting_requests', 'Callers that wait for a database connection.', none),
  queryDuration: histogram(
    'db_query_duration_seconds',
    'Duration of database round trips as the service sees them.',
    { operation: DATABASE_OPERATIONS },
    DEPENDENCY_BUCKETS
  ),
  redisConnections: gauge('redis_pool_connections', 'Connections to Redis; none where Redis is not configured.', {
    state: REDIS_CONNECTION_STATES
  }),
  redisDuration: histogram(
    'redis_command_duration_seconds',
    'Duration of Redis commands as the service sees them.',
    { command: REDIS_COMMANDS },
    DEPENDENCY_BUCKETS
  ),
  httpClientConnections: gauge('http_client_connections', 'Open connections to those that this service calls.', {
    peer: HTTP_PEERS,
    state: POOL_STATES
  }),
  httpClientPending: gauge(
    'http_client_pending_requests',
    'Requests that wait for a connection to whom this service calls.',
    { peer: HTTP_PEERS }
  ),
  httpRequestDuration: histogram(
    'http_request_duration_seconds',
    'Duration of HTTP requests to the end of the answer.',
    { method: 'open', route: 'open', status_code: 'open' },
    HTTP_BUCKETS
  ),
  cpuLimit: gauge(
    'service_cpu_limit_cores',
    'CPU cores that this process may use: the cgroup quota, else those of the machine.',
    none
  ),
  memoryLimit: gauge(
    'service_memory_limit_bytes',
    'Memory that this process may use: the cgroup limit, else that of the machine.',
    none
  ),
  eventLoopUtilization: gauge(
    'service_event_loop_utilization_ratio',
    'Share of time in which the event loop was busy since the scrape before.',
    none
  ),
  buildInfo: gauge('service_build_info', 'Always 1; the label tells the version that runs.', { version: 'open' }),
  traceSpans: counter('trace_spans_total', 'Spans that ended, by whether the trace collector has them.', {
    outcome: SPAN_OUTCOMES
  }),
  logLinesDropped: counter(
    'log_lines_dropped_total',
    'Log lines that were dropped because their target could not keep up.',
    none
  )
}

/** The whole catalogue. */
export const METRICS = { ...API_METRICS, ...RUNTIME_METRICS, ...SHARED_METRICS }

/**
 * Names that `promtool check metrics` complains about and that stay as they are: the first is the operations
 * document's, the others come from the Prometheus client for Node.js.
 */
export const LINT_EXCEPTIONS = [
  'chat_execution_latency_ms',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total'
] as const
