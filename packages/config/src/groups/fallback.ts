import { defineGroup, key } from '../key.ts'
import { fraction, integer } from '../kinds.ts'

/** When the api stops calling the runtime by itself. */
export const fallbackGroup = defineGroup({
  name: 'fallback',
  title: 'Automatic fallback from the runtime to direct_llm',
  keys: {
    CHAT_RUNTIME_ERROR_RATE_THRESHOLD: key({
      kind: fraction(),
      default: '0.5',
      unit: 'rate 0..1',
      doc: 'Fall back above this share of failed runtime executions in the window; recover below half of it.',
      reloadable: true
    }),
    CHAT_RUNTIME_TIMEOUT_RATE_THRESHOLD: key({
      kind: fraction(),
      default: '0.3',
      unit: 'rate 0..1',
      doc: 'Fall back above this share of timed-out runtime executions in the window.',
      reloadable: true
    }),
    CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS: key({
      kind: integer({ min: 1, max: 86_400_000 }),
      default: '300000',
      unit: 'ms',
      doc: 'Fall back when the mean latency of the window is above 0.8 times this.',
      reloadable: true
    }),
    CHAT_RUNTIME_MIN_SAMPLES: key({
      kind: integer({ min: 1, max: 1000 }),
      default: '10',
      unit: 'executions',
      doc: 'Fewer executions in the window than this decide nothing.',
      reloadable: true
    }),
    CHAT_RUNTIME_WINDOW_SECONDS: key({
      kind: integer({ min: 1, max: 3600 }),
      default: '300',
      unit: 's',
      doc: 'Length of the window; at most the newest 1000 executions count.'
    })
  },
  check: (values) => {
    const thresholdMs = values.CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS
    const limitMs = values.RUNTIME_EXECUTION_TIMEOUT_MS
    if (typeof thresholdMs !== 'number' || typeof limitMs !== 'number' || 0.8 * thresholdMs < limitMs) return []
    const expected = `less than 1.25 x RUNTIME_EXECUTION_TIMEOUT_MS (${limitMs}); as it is, the latency rule can never fire`
    return [{ key: 'CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS', expected, warning: true }]
  }
})
