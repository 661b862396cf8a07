/** Sizes of the wire contract. */
export const LIMITS = {
  /** Longest message, in Unicode code points. */
  messageCodePoints: 100_000,
  /** Largest HTTP request body, in bytes. */
  bodyBytes: 1024 * 1024,
  /** Deepest nesting of a JSON body. */
  jsonDepth: 64,
  /** Largest single event on a stream from runtime or model, in bytes. */
  eventBytes: 256 * 1024,
  /** Largest whole stream from runtime or model, in bytes. */
  streamBytes: 8 * 1024 * 1024
} as const
