import type { Scenario } from '../scenario.ts'
import { alertFires, alertResolves, chatsAnswered, logged, statusShows } from '../sightings.ts'

const MINUTE = 60_000

/** Scenario 1 of the runbook. */
export const runtimeDown: Scenario = {
  name: 'runtime-down',
  title: '场景 1：Runtime 服务不可用',
  about: 'the runtime is killed; every chat is answered by direct_llm, and it comes back by itself',
  chatsPerSecond: 4,
  phases: ({ ruled }) => [
    {
      name: 'the runtime is gone',
      act: ({ stack }) => {
        stack.kill('runtime', 'SIGKILL')
        return 'kill -9 of the runtime'
      },
      sightings: [
        chatsAnswered('direct_llm', MINUTE),
        logged(/^\[RuntimeAdapter\] 健康检查失败 错误: /, MINUTE),
        logged(/^\[RuntimeAdapter\] 触发自动回退 原因: /, MINUTE),
        statusShows('fallbackEnabled is true, with a reason', MINUTE, (status) => {
          return status.fallbackEnabled && status.fallbackReason !== ''
        }),
        alertFires('RuntimeServiceDown', ruled(2 * MINUTE)),
        alertFires('AutoFallbackTriggered', ruled(2 * MINUTE))
      ]
    },
    {
      name: 'the runtime is back',
      act: async ({ stack }) => {
        await stack.restart('runtime')
        return 'the runtime is started again; nothing is reset'
      },
      sightings: [
        logged(/^\[RuntimeAdapter\] 禁用自动回退 原因: 指标恢复正常$/, MINUTE),
        statusShows('fallbackEnabled is false', MINUTE, (status) => !status.fallbackEnabled),
        chatsAnswered('runtime_orchestrator', MINUTE),
        alertResolves('RuntimeServiceDown', ruled(6 * MINUTE)),
        alertResolves('AutoFallbackTriggered', ruled(6 * MINUTE))
      ]
    }
  ]
}
