// The levels that rules, dashboards and documents share. Rates are fractions; each is named once, here.

/** What is promised to the people who chat, over 30 days. */
export const OBJECTIVES = {
  /** Share of chat requests that are answered; cancelled ones do not count. */
  availability: 0.999,
  /** Share of executions that end within `latencyMs`. */
  latencyShare: 0.95,
  /** An edge of LATENCY_BUCKETS_MS, so that the share is exact. */
  latencyMs: 5000
} as const

/**
 * How fast an error budget of 30 days may burn, as a multiple of its even use, with the window that is judged and the
 * shorter one that ends the alert soon after the trouble (Google SRE workbook, chapter 5, table 5-8).
 */
export const BURN_RATES = {
  fast: [
    { factor: 14.4, long: '1h', short: '5m' },
    { factor: 6, long: '6h', short: '30m' }
  ],
  slow: [
    { factor: 3, long: '1d', short: '2h' },
    { factor: 1, long: '3d', short: '6h' }
  ]
} as const

/** Levels at which somebody looks, as the operations document has them unless said otherwise. */
export const ALERT_LEVELS = {
  /** HighErrorRate: failed share of runtime executions. */
  runtimeErrorRate: 0.1,
  /** ChatErrorRateHigh and the panel 错误率趋势: failed executions of each mode in percent. */
  chatErrorPercent: 5,
  /** HighLatency: P95 of runtime executions, in milliseconds. */
  runtimeP95Ms: 5000,
  /** Changes of the fallback gauge within 30 minutes; one fallback with its recovery is two. Not in the document. */
  fallbackChanges: 6,
  /** Busy share of an event loop, one per process. Not in the document: one loop uses one core at most. */
  eventLoopUtilization: 0.8
} as const

/** The conditions of the operations document under which more instances or larger ones are due. */
export const SCALE_OUT_LEVELS = {
  cpuShare: 0.7,
  memoryShare: 0.8,
  p95Ms: 5000,
  errorRate: 0.05,
  /** Executions per second below which a rate of errors says nothing. Not in the document. */
  minimumRate: 0.1
} as const

/** Thresholds of the four panels of the operations document. */
export const PANEL_LEVELS = {
  successPercent: { yellow: 90, green: 95 },
  latencyMs: { green: 3000, yellow: 5000, red: 10_000 }
} as const
