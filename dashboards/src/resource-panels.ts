import { ALERT_LEVELS, METRICS, SCALE_OUT_LEVELS } from '@semibot/metrics'
import { timeSeries } from './panels.ts'
import { gauge, INSTANCES, increase, quantile, rate, share } from './queries.ts'

const { cpuShare, memoryShare } = SCALE_OUT_LEVELS
const SERVICES = `job=~"api|runtime-service",${INSTANCES}`
/** The histogram counts them. */
const HTTP_REQUESTS = { name: `${METRICS.httpRequestDuration.name}_count` }
const PROCESS = '{{job}} {{instance}}'

/** Use, saturation and errors of the processes. */
export const PROCESS_PANELS = [
  timeSeries({
    title: 'CPU, of what the process may use',
    unit: 'percentunit',
    queries: [[`instance:process_cpu:ratio_rate5m{${INSTANCES}}`, PROCESS]],
    thresholds: [
      [null, 'green'],
      [cpuShare, 'red']
    ],
    alerts: ['ScaleOutCpuHigh']
  }),
  timeSeries({
    title: 'Memory, of what the process may use',
    unit: 'percentunit',
    queries: [[`instance:process_memory:ratio{${INSTANCES}}`, PROCESS]],
    thresholds: [
      [null, 'green'],
      [memoryShare, 'red']
    ],
    alerts: ['ScaleOutMemoryHigh']
  }),
  timeSeries({
    title: 'Event loop, busy share',
    description: 'One process is one thread: at 1 it has no time left, whatever the CPU says.',
    unit: 'percentunit',
    max: 1,
    queries: [[`${METRICS.eventLoopUtilization.name}{${SERVICES}}`, PROCESS]],
    thresholds: [
      [null, 'green'],
      [ALERT_LEVELS.eventLoopUtilization, 'red']
    ],
    alerts: ['EventLoopSaturated']
  }),
  timeSeries({
    title: 'Event loop, delay',
    unit: 's',
    queries: [[`nodejs_eventloop_lag_p99_seconds{${SERVICES}}`, `P99 ${PROCESS}`]],
    alerts: ['EventLoopSaturated']
  }),
  timeSeries({
    title: 'Heap',
    unit: 'bytes',
    queries: [[`nodejs_heap_size_used_bytes{${SERVICES}}`, PROCESS]],
    alerts: ['ScaleOutMemoryHigh']
  }),
  timeSeries({
    title: 'Open files',
    unit: 'percentunit',
    queries: [[`process_open_fds{${SERVICES}} / process_max_fds{${SERVICES}}`, PROCESS]]
  }),
  timeSeries({
    title: 'HTTP requests by route',
    unit: 'reqps',
    queries: [[rate(HTTP_REQUESTS, 'job, route', SERVICES), '{{job}} {{route}}']]
  }),
  timeSeries({
    title: 'HTTP requests, duration',
    description: 'To the end of the answer; for streams that is the whole answer.',
    unit: 's',
    queries: [[quantile(0.95, METRICS.httpRequestDuration, 'job, route', SERVICES), 'P95 {{job}} {{route}}']]
  }),
  timeSeries({
    title: 'Processes that run',
    description: 'Prometheus reaches them.',
    unit: 'short',
    queries: [['sum by (job) (up{job=~"api|runtime-service"})', '{{job}}']],
    alerts: ['RuntimeServiceDown', 'ApiServiceDown']
  })
]

/** What the services depend on, as they see it. */
export const DEPENDENCY_PANELS = [
  timeSeries({
    title: 'Database connections',
    unit: 'short',
    queries: [
      [gauge('sum', METRICS.poolConnections, 'job, state'), '{{job}} {{state}}'],
      [gauge('sum', METRICS.poolConnectionsMax, 'job'), '{{job}} at most']
    ]
  }),
  timeSeries({
    title: 'Callers that wait for a connection',
    unit: 'short',
    queries: [
      [gauge('sum', METRICS.poolWaiting, 'job, instance'), `database ${PROCESS}`],
      [gauge('sum', METRICS.httpClientPending, 'job, peer'), '{{peer}} {{job}}']
    ]
  }),
  timeSeries({
    title: 'Database round trips',
    unit: 's',
    queries: [[quantile(0.95, METRICS.queryDuration, 'operation'), 'P95 {{operation}}']]
  }),
  timeSeries({
    title: 'Reads that a replica may answer',
    description: 'By why a server answered them: caught_up are those of the replica, all others went to the primary.',
    unit: 'reqps',
    queries: [[rate(METRICS.reads, 'reason'), '{{reason}}']]
  }),
  timeSeries({
    title: 'Redis commands',
    unit: 's',
    queries: [[quantile(0.95, METRICS.redisDuration, 'command'), 'P95 {{command}}']]
  }),
  timeSeries({
    title: 'Connections to Redis, to the runtime and to the model',
    unit: 'short',
    queries: [
      [gauge('sum', METRICS.redisConnections, 'job, state'), 'Redis {{job}} {{state}}'],
      [gauge('sum', METRICS.httpClientConnections, 'job, peer, state'), '{{peer}} {{job}} {{state}}']
    ]
  }),
  timeSeries({
    title: 'Dropped: log lines and spans',
    unit: 'ops',
    queries: [
      [rate(METRICS.logLinesDropped, 'job'), 'log lines {{job}}'],
      [rate(METRICS.traceSpans, 'job', `outcome!="exported",${INSTANCES}`), 'spans {{job}}']
    ]
  })
]

/** The runtime and its tools. */
export const RUNTIME_PANELS = [
  timeSeries({
    title: 'Executions in the runtime',
    unit: 'short',
    queries: [
      [gauge('sum', METRICS.runtimeInFlight, 'instance'), '{{instance}}'],
      [gauge('sum', METRICS.runtimeInFlightLimit, 'instance'), '{{instance}} at most'],
      [gauge('sum', METRICS.runtimeQueueLength, 'instance'), '{{instance}} waiting']
    ]
  }),
  timeSeries({
    title: 'Executions that were not begun',
    unit: 'ops',
    queries: [[rate(METRICS.runtimeRefused, 'reason'), '{{reason}}']]
  }),
  timeSeries({
    title: 'Memory limits of the runtime',
    unit: 'percentunit',
    max: 1,
    queries: [[gauge('max', METRICS.runtimeMemoryUsed, 'instance, limit'), '{{instance}} {{limit}}']],
    alerts: ['ScaleOutMemoryHigh']
  }),
  timeSeries({
    title: 'Steps of agents, duration',
    unit: 's',
    queries: [
      [quantile(0.5, METRICS.stepDuration, 'step'), 'P50 {{step}}'],
      [quantile(0.95, METRICS.stepDuration, 'step'), 'P95 {{step}}']
    ]
  }),
  timeSeries({
    title: 'Tool calls',
    unit: 'ops',
    queries: [[rate(METRICS.toolCalls, 'tool, outcome'), '{{tool}} {{outcome}}']]
  }),
  timeSeries({
    title: 'Failed share of tool calls',
    unit: 'percentunit',
    queries: [
      [
        share(rate(METRICS.toolCalls, 'tool', `outcome!="ok",${INSTANCES}`), rate(METRICS.toolCalls, 'tool')),
        '{{tool}}'
      ]
    ]
  }),
  timeSeries({
    title: 'Worker processes',
    unit: 'short',
    queries: [
      [gauge('sum', METRICS.runtimeWorkers, 'instance'), '{{instance}}'],
      [increase(METRICS.runtimeWorkerRestarts, 'instance'), '{{instance}} restarted']
    ]
  }),
  timeSeries({
    title: 'MCP servers',
    description: 'Nothing where none is configured.',
    unit: 'short',
    queries: [
      [gauge('min', METRICS.mcpServerUp, 'server'), '{{server}}'],
      [increase(METRICS.mcpServerRestarts, 'server'), '{{server}} connected again']
    ]
  }),
  timeSeries({
    title: 'Calls of MCP servers',
    unit: 'ops',
    queries: [[rate(METRICS.mcpCalls, 'server, outcome'), '{{server}} {{outcome}}']]
  })
]
