/** HTTP header names of our own, in one place for both ends. Lower case, as Node reports them. */
export const HEADERS = {
  requestId: 'x-request-id',
  executionId: 'x-execution-id',
  sessionId: 'x-session-id',
  executionMode: 'x-semibot-execution-mode',
  fallback: 'x-semibot-fallback',
  idempotencyReplayed: 'idempotency-replayed',
  idempotencyKey: 'idempotency-key',
  /** End user on whose behalf a service with an org key calls; opaque, 1 to 128 characters. */
  userId: 'x-user-id',
  /** Which person gives an operator's order; beside ADMIN_TOKEN. */
  actor: 'x-actor',
  /** api to runtime: milliseconds that are left for the execution. Relative, so clocks do not matter. */
  requestTimeoutMs: 'x-request-timeout-ms',
  attempt: 'x-attempt',
  /** api to runtime, `1`: another runtime process began this execution; go on with it. */
  resume: 'x-semibot-resume',
  orgId: 'x-org-id',
  traceparent: 'traceparent'
} as const
