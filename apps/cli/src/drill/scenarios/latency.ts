import type { DrillSite } from '../drill-site.ts'
import type { Scenario } from '../scenario.ts'
import { alertFires, alertResolves, chatsAnswered, logged, metricsShow } from '../sightings.ts'

const MINUTE = 60_000

/** More than the five seconds of the alert. */
const FIRST_TOKEN_MS = 6500

async function control({ stack }: DrillSite, path: string, settings?: object): Promise<void> {
  const url = `${stack.urls.simulator}${path}`
  const body = settings === undefined ? {} : { body: JSON.stringify(settings) }
  const response = await fetch(url, { method: 'POST', ...body, signal: AbortSignal.timeout(5000) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
}

/** Scenario 3 of the runbook. */
export const latency: Scenario = {
  name: 'latency',
  title: '场景 3：延迟突然升高',
  about: 'the model takes 6.5 s to its first word; executions are slow, and no fallback begins',
  chatsPerSecond: 3,
  phases: ({ ruled }) => [
    {
      name: 'the model is slow',
      act: async (site) => {
        await control(site, '/control', { firstTokenMs: FIRST_TOKEN_MS })
        return `the first token of every answer takes ${FIRST_TOKEN_MS} ms`
      },
      sightings: [
        logged(/^\[RuntimeAdapter\] 执行完成 耗时: (6[5-9]|[7-9]\d|\d{3})\d\dms$/, MINUTE, {
          atLeast: 5,
          what: '[RuntimeAdapter] 执行完成 耗时: 6500ms and more'
        }),
        metricsShow('p95LatencyMs of the runtime is above 5000', 5 * MINUTE, ({ runtime }) => {
          return (runtime.p95LatencyMs ?? 0) > 5000
            ? `p95LatencyMs ${Math.round(runtime.p95LatencyMs ?? 0)}`
            : undefined
        }),
        chatsAnswered('runtime_orchestrator', MINUTE),
        alertFires('HighLatency', ruled(11 * MINUTE))
      ],
      unwanted: [logged(/触发自动回退/, 0)]
    },
    {
      name: 'the model is quick again',
      act: async (site) => {
        await control(site, '/control/reset')
        return 'the model is as it was'
      },
      sightings: [
        logged(/^\[RuntimeAdapter\] 执行完成 耗时: \d{1,3}ms$/, MINUTE, {
          atLeast: 5,
          what: '[RuntimeAdapter] 执行完成 耗时: less than 1000ms'
        }),
        alertResolves('HighLatency', ruled(11 * MINUTE))
      ]
    }
  ]
}
