import { weakSecretReason } from '../check-secret.ts'
import { defineGroup, key, optionalKey } from '../key.ts'
import { dollars, fraction, integer, list, text } from '../kinds.ts'
import { httpOrigin } from '../url-kinds.ts'

/** The heartbeat of the runtime's streams, in ms; a shorter stall limit blames healthy streams. */
const HEARTBEAT_MS = 1000

/** Largest delay that a Node.js timer takes, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1

const TIMER = integer({ min: 1, max: 600_000 })

const FILE = text({ expected: 'a file path', type: 'path' })

/** Neither is of use without the other. */
const TLS_PAIRS = [
  ['RUNTIME_TLS_CERT', 'RUNTIME_TLS_KEY'],
  ['RUNTIME_TLS_KEY', 'RUNTIME_TLS_CERT']
] as const

/** The wire between api and runtime, and the limits of one execution. */
export const runtimeGroup = defineGroup({
  name: 'runtime',
  title: 'Runtime orchestrator: where it is, and its limits',
  keys: {
    RUNTIME_SERVICE_URL: key({
      kind: list(httpOrigin(), { items: 'URLs', min: 1, max: 64 }),
      default: 'http://127.0.0.1:8000',
      doc: 'The runtime instances that the api calls.',
      setByStart: 'the runtimes that it starts'
    }),
    RUNTIME_SERVICE_TOKEN: key({
      kind: list(text({ expected: 'a token without white space', pattern: /^[\x21-\x7e]+$/ }), {
        items: 'tokens',
        max: 10
      }),
      default: '',
      secret: 'whole',
      doc: 'Token between api and runtime. The api sends the first of the list, the runtime accepts all, so that it can be rotated. Required in production.',
      setByStart: 'a random token'
    }),
    RUNTIME_CONNECT_TIMEOUT_MS: key({
      kind: TIMER,
      default: '500',
      unit: 'ms',
      doc: 'Longest wait for a TCP connection to the runtime.'
    }),
    RUNTIME_ACCEPT_TIMEOUT_MS: key({
      kind: TIMER,
      default: '1000',
      unit: 'ms',
      doc: 'Longest wait for the first event, execution.started.'
    }),
    RUNTIME_STALL_TIMEOUT_MS: key({
      kind: TIMER,
      default: '1800',
      unit: 'ms',
      doc: 'Longest silence on a stream of the runtime, which sends a heartbeat every 1000 ms.'
    }),
    RUNTIME_EXECUTION_TIMEOUT_MS: key({
      kind: integer({ min: 1, max: MAX_TIMER_MS }),
      default: '300000',
      unit: 'ms',
      doc: 'Deadline of one execution, for api and runtime.'
    }),
    RUNTIME_MAX_CONCURRENT_EXECUTIONS: key({
      kind: integer({ min: 1, max: 100_000 }),
      default: '50',
      unit: 'executions',
      doc: 'Executions that one runtime, with all its workers, runs at once; above it 503 with Retry-After.'
    }),
    RUNTIME_WORKERS: key({
      kind: integer({ min: 1, max: 64 }),
      default: '1',
      unit: 'processes',
      doc: 'Worker processes of one runtime, which share its port; semibot-runtime --workers wins.'
    }),
    RUNTIME_MEMORY_HIGH_WATER: key({
      kind: fraction(),
      default: '0.9',
      doc: 'Share of the heap limit, or of the cgroup memory limit, from which on a runtime refuses new executions.'
    }),
    RUNTIME_TLS_CERT: optionalKey({
      kind: FILE,
      doc: 'PEM file of the certificate chain of the runtime, which then serves HTTPS with HTTP/2 and HTTP/1.1. Both TLS files are read again on SIGHUP.'
    }),
    RUNTIME_TLS_KEY: optionalKey({ kind: FILE, doc: 'PEM file of the private key of RUNTIME_TLS_CERT.' }),
    RUNTIME_TLS_CA: optionalKey({
      kind: FILE,
      doc: 'PEM file of the authority that signed RUNTIME_TLS_CERT, for the api. Unset: the authorities that Node.js knows.'
    }),
    RUNTIME_MAX_STEPS: key({
      kind: integer({ min: 1, max: 1000 }),
      default: '20',
      unit: 'steps',
      doc: 'Model calls of one execution.'
    }),
    RUNTIME_MAX_TOOL_CALLS: key({
      kind: integer({ min: 0, max: 10_000 }),
      default: '50',
      unit: 'calls',
      doc: 'Tool calls of one execution.'
    }),
    RUNTIME_MAX_TOKENS: key({
      kind: integer({ min: 1, max: 100_000_000 }),
      default: '200000',
      unit: 'tokens',
      doc: 'Input and output tokens of one execution together.'
    }),
    RUNTIME_MAX_COST_USD: key({
      kind: dollars({ max: 10_000, zero: 'no limit in money' }),
      default: '0',
      unit: 'USD',
      doc: 'What the model calls of one execution may cost; needs LLM_PRICES for every model.'
    })
  },
  check: (values) => {
    const failures = []
    if (Number(values.RUNTIME_STALL_TIMEOUT_MS) <= HEARTBEAT_MS) {
      const expected = `more than the heartbeat of ${HEARTBEAT_MS} ms; as it is, healthy but quiet streams are cut`
      failures.push({ key: 'RUNTIME_STALL_TIMEOUT_MS', expected, warning: true })
    }
    for (const [set, missing] of TLS_PAIRS) {
      if (values[set] === undefined || values[missing] !== undefined) continue
      failures.push({ key: missing, expected: `a file path, because ${set} is set` })
    }
    if (values.NODE_ENV === 'production') {
      const reason = weakSecretReason(values.RUNTIME_SERVICE_TOKEN)
      if (reason !== undefined) failures.push({ key: 'RUNTIME_SERVICE_TOKEN', expected: reason })
    }
    return failures
  }
})
