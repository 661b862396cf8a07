import { LIMITS } from '@semibot/chat-protocol'

/** Longest execution (5 minutes); the environment key RUNTIME_EXECUTION_TIMEOUT_MS overrides it. */
export const EXECUTION_TIMEOUT_MS = 300_000

/** An execution ends this long before its budget is used up, so that its own last event arrives before the caller gives up. */
export const DEADLINE_MARGIN_MS = 500

/** A comment goes out on a stream that was silent this long. */
export const HEARTBEAT_MS = 1_000

/** Longest wait for a model's first byte, and longest silence after it. */
export const MODEL_FIRST_BYTE_TIMEOUT_MS = 60_000
export const MODEL_IDLE_TIMEOUT_MS = 60_000

/** Largest answer, measured as the JSON text that the last event carries: it must fit into one event. */
export const MAX_ANSWER_BYTES = LIMITS.eventBytes - 4_096

/** What an event takes on the stream beside its content, at most, and what all events may take before the last ones. */
export const EVENT_OVERHEAD_BYTES = 200
export const MAX_EVENTS_BYTES = LIMITS.streamBytes - 4 * LIMITS.eventBytes

/** Largest output of a tool that is told in an event, as JSON; less once tools have taken a good part of the stream. */
export const MAX_TOLD_OUTPUT_BYTES = 128 * 1024
export const MANY_EVENTS_BYTES = LIMITS.streamBytes / 4
export const SHORT_OUTPUT_BYTES = 2 * 1024

/** A longer piece of text is sent as several events, in UTF-16 units. */
export const MAX_DELTA_LENGTH = 16_384

/** Largest input that a model may give to a tool, and to all tools that it calls in one turn. */
export const MAX_TOOL_INPUT_BYTES = 32 * 1024
export const MAX_TOOL_INPUTS_BYTES = 512 * 1024

/** Tools of one execution: model servers take no more, and a star may stand for any number. */
export const MAX_AGENT_TOOLS = 128

/** How many events of one execution are kept for readers that come later or fall behind. */
export const EVENT_LOG_LIMITS = {
  executionBytes: 1024 * 1024,
  executionFrames: 2_000,
  processBytes: 64 * 1024 * 1024,
  /** Kept this long after the end of the execution. */
  keepMs: 10 * 60_000
} as const

/** How often ended executions are looked through for those that are too old. */
export const EVENT_LOG_SWEEP_MS = 30_000

/** What a caller that was refused should wait, in seconds. */
export const OVERLOADED_RETRY_AFTER_SECONDS = 1
export const DRAINING_RETRY_AFTER_SECONDS = 5

/** How long the last frames may take to reach slow readers at shutdown. */
export const DRAIN_FLUSH_MS = 1_000

/** Connections to Postgres; a search of a tool is the only reader. */
export const DB_POOL_MAX = 5
export const DB_CONNECT_TIMEOUT_MS = 1_000
export const DB_STATEMENT_TIMEOUT_MS = 5_000

/** Whether the database answers is asked at most this often, and waited for at most this long. */
export const READY_CACHE_MS = 1_000
export const READY_TIMEOUT_MS = 500

/**
 * A process that was not heard of for this long has lost its durable runs. It says that it lives this often while it
 * has any, and otherwise just often enough to be believed when it calls another process dead.
 */
export const LEASE_MS = 1_500
export const LEASE_RENEW_MS = 250
export const LEASE_IDLE_MS = 1_000

/** How long a run that is to be taken over is waited for, and how often it is asked for. */
export const TAKEOVER_TIMEOUT_MS = 5_000
export const TAKEOVER_POLL_MS = 100

/** How long a tool with effects waits for the journal, without which it must not run. */
export const JOURNAL_TIMEOUT_MS = 15_000

/** How long the end of a run is tried to be written: of an answer, and of any other end. */
export const JOURNAL_END_MS = 15_000
export const JOURNAL_GIVE_UP_MS = 1_000

/** Connections to Postgres for the journal, and for the lease alone, which must never queue. */
export const JOURNAL_POOL_MAX = 4
export const LEASE_POOL_MAX = 1

/** A worker says this often that it lives; the launcher ends one that it has not heard for so long. */
export const WORKER_ALIVE_MS = 5_000
export const WORKER_SILENCE_MS = 60_000

/** How long a worker may take to end after its drain; then the launcher ends it. */
export const WORKER_CLOSE_MS = 7_000
