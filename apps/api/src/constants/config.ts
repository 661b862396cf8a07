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

/** How long a verified API key is believed without asking the database; also how late a revocation takes effect. */
export const API_KEY_CACHE_MS = 10_000

/** API keys, organisations and end users that are remembered, of each kind. */
export const CREDENTIAL_CACHE_ENTRIES = 10_000

/** Difference between the clocks of a token's issuer and of this process that is tolerated, in seconds. */
export const JWT_LEEWAY_SECONDS = 30

/** Wrong ADMIN_TOKENs of one address within a minute, after which it is refused with 429. */
export const ADMIN_FAILURES_PER_MINUTE = 10
