import type { Scenario } from '../scenario.ts'
import { alertFires, chatsAnswered, logged, metricsShow, readyShows } from '../sightings.ts'

const MINUTE = 60_000

/** Redis is advice: nobody who chats may notice. */
export const redisDown: Scenario = {
  name: 'redis-down',
  title: 'Redis 不可用',
  about: 'Redis is killed; chats go on, and each api process decides by itself until it is back',
  chatsPerSecond: 4,
  needs: ['redis'],
  phases: () => [
    {
      name: 'Redis is gone',
      act: ({ stack }) => {
        stack.kill('redis', 'SIGKILL')
        return 'kill -9 of redis-server'
      },
      sightings: [
        logged(/^Redis is gone; this process goes on without it$/, MINUTE),
        readyShows('redis', 'down', MINUTE),
        metricsShow('scope is replica', MINUTE, ({ scope }) => (scope === 'replica' ? 'scope replica' : undefined)),
        chatsAnswered('runtime_orchestrator', MINUTE)
      ],
      unwanted: [logged(/触发自动回退/, 0), alertFires('AutoFallbackTriggered', 0), alertFires('ApiServiceDown', 0)]
    },
    {
      name: 'Redis is back',
      act: async ({ stack }) => {
        await stack.restart('redis')
        return 'redis-server is started again, empty'
      },
      sightings: [
        logged(/^Redis is connected$/, MINUTE),
        readyShows('redis', 'up', MINUTE),
        metricsShow('scope is cluster', MINUTE, ({ scope }) => (scope === 'cluster' ? 'scope cluster' : undefined)),
        chatsAnswered('runtime_orchestrator', MINUTE)
      ]
    }
  ]
}
