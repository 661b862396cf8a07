import type { Scenario } from '../scenario.ts'
import { alertFires, alertResolves, chatsAnswered, logged, metricsShow } from '../sightings.ts'

const MINUTE = 60_000

/** Above the alert (10 %) and below the breaker (50 %): beyond that the fallback hides the errors. */
const SHARE = 0.3

/** Scenario 2 of the runbook. */
export const errorRate: Scenario = {
  name: 'error-rate',
  title: '场景 2：错误率突然升高',
  about: 'three in ten executions of the runtime fail; people are answered, and no fallback begins',
  chatsPerSecond: 4,
  phases: ({ ruled }) => [
    {
      name: 'the runtime fails often',
      act: ({ door }) => {
        door.fail(SHARE)
        return `${SHARE * 100} % of the executions are answered with an internal error`
      },
      sightings: [
        logged(/^\[Chat\] Runtime 执行失败 错误: Runtime 内部错误 \(RUNTIME_INTERNAL\)$/, MINUTE, { atLeast: 5 }),
        logged(/^\[RuntimeAdapter\] 执行失败 错误: Runtime 内部错误 \(RUNTIME_INTERNAL\)$/, MINUTE, { atLeast: 5 }),
        metricsShow('errorRate of the runtime is above 0.1', 5 * MINUTE, ({ runtime }) => {
          return runtime.errorRate > 0.1 ? `errorRate ${runtime.errorRate.toFixed(2)}` : undefined
        }),
        chatsAnswered('direct_llm', MINUTE),
        alertFires('ChatErrorRateHigh', ruled(7 * MINUTE)),
        alertFires('HighErrorRate', ruled(11 * MINUTE))
      ],
      unwanted: [logged(/触发自动回退/, 0)]
    },
    {
      name: 'the runtime is sound again',
      act: async ({ door }) => {
        await door.open()
        return `no more errors; there were ${door.failed}`
      },
      sightings: [
        chatsAnswered('runtime_orchestrator', MINUTE),
        alertResolves('HighErrorRate', ruled(11 * MINUTE)),
        alertResolves('ChatErrorRateHigh', ruled(11 * MINUTE))
      ]
    }
  ]
}
