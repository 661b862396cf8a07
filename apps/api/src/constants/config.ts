/**
 * Sizes that belong to the code rather than to one deployment. The two pool sizes can be raised when
 * the dashboards show that calls wait for a connection; docs/runtime-observability.md says when.
 */

/** Connections to Redis, handed out in turn. */
export const REDIS_POOL_SIZE = 10

/** Connections to Postgres for accepting and finishing chats. */
export const DB_POOL_MAX = 10

/** Connections to Postgres for lists, the monitoring API and upkeep, so that they never starve chats. */
export const DB_BACKGROUND_POOL_MAX = 4

/** Connections to the replica of DATABASE_READ_URL, for lists, histories and the figures of an organisation. */
export const DB_READ_POOL_MAX = 10

/** Longest statement on the replica, after which the primary is asked. */
export const DB_READ_STATEMENT_TIMEOUT_MS = 2000

/** Longest wait for a Postgres connection before a call is answered with 503. */
export const DB_CONNECTION_TIMEOUT_MS = 500

/** Longest Postgres statement of a request. */
export const DB_STATEMENT_TIMEOUT_MS = 5000

/** Longest wait for a Redis connection or for the answer to one command. */
export const REDIS_TIMEOUT_MS = 250

/** Chats that wait for a free place when CHAT_MAX_IN_FLIGHT is reached; the next one is refused. */
export const ADMISSION_QUEUE_LENGTH = 50

/** Longest time a chat waits for a free place. */
export const ADMISSION_QUEUE_TIMEOUT_MS = 2000

/** How long a key, an organisation or a user is believed without asking the database; a revocation is as late. */
export const CREDENTIAL_CACHE_MS = 10_000

/** API keys, organisations and end users that are remembered, of each kind. */
export const CREDENTIAL_CACHE_ENTRIES = 10_000

/** Difference between the clocks of a token's issuer and of this process that is tolerated, in seconds. */
export const JWT_LEEWAY_SECONDS = 30

/** Wrong ADMIN_TOKENs of one address within a minute, after which it is refused with 429. */
export const ADMIN_FAILURES_PER_MINUTE = 10

/** How long an agent is believed without asking the database; also how late a change of it takes effect. */
export const AGENT_CACHE_MS = 1000

/** Agents that are remembered. */
export const AGENT_CACHE_ENTRIES = 10_000

/** How often a process says in the database that it lives. */
export const INSTANCE_HEARTBEAT_MS = 2000

/** A process that was silent for this long is dead, and its executions are ended. */
export const INSTANCE_STALE_MS = 10_000

/** How often the text of a long answer is saved while it grows. */
export const PROGRESS_SAVE_MS = 2000

/** How often expired rows are deleted and partitions looked after. */
export const UPKEEP_MS = 3_600_000

/** Monthly partitions that exist ahead of time. */
export const PARTITION_MONTHS_AHEAD = 3

/** How long storing a result is tried again while Postgres is away. */
export const TURN_FINISH_RETRY_MS = 300_000

/** How long the events of an execution stay in Redis after the last one, for readers on other replicas. */
export const EVENT_KEEP_MS = 600_000

/**
 * Batches of events of one execution in Redis, about. Five come in a second of text: whoever adopts the execution needs
 * the first one too, also of an answer that has taken as long as it may.
 */
export const EVENT_MAX_BATCHES = 2000

/**
 * Calls that share one HTTP/2 connection to a runtime, at most. More of them would cost a little less, but end
 * together when it breaks, and would all land on one worker of the runtime.
 */
export const RUNTIME_STREAMS_PER_CONNECTION = 16

/** How often each runtime instance is asked for its health, and how long it may take to answer. */
export const HEALTH_POLL_MS = 1000
export const HEALTH_TIMEOUT_MS = 500

/** How often the log repeats that an instance is unhealthy. */
export const HEALTH_LOG_MS = 60_000

/** How often the names in RUNTIME_SERVICE_URL are resolved again. */
export const RUNTIME_RESOLVE_MS = 5000

/** How often an operator's order is looked up where no Redis tells of it. */
export const FORCE_SYNC_MS = 2000

/** How often a replica writes its own figures to Redis, for the monitoring API of all replicas. */
export const METRICS_SHARE_MS = 1000

/** Longest wait of an operator's call for the database; the breaker's part of the answer needs none. */
export const OPERATOR_DATABASE_WAIT_MS = 1000

/** Copies of direct chats that one process sends to the runtime at once (CHAT_RUNTIME_SHADOW_PERCENT). */
export const SHADOW_MAX_CONCURRENT = 10

/** How often executions of this process are looked for whose end could not be stored. */
export const FORGOTTEN_MS = 60_000

/** A runtime that was not heard of for this long has lost its durable runs; the runtime's own LEASE_MS. */
export const RUNTIME_LEASE_MS = 1500

/**
 * How long an adopted run waits for a runtime that goes on with it, before it is ended: the breaker tries one again after
 * 5, 10 and 20 seconds, and runtimes that all restart are back within a minute. Its user can send nothing meanwhile.
 */
export const RUN_UNOWNED_MS = 60_000
