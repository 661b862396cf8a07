import type { Scenario } from '../scenario.ts'
import { alertFires, alertResolves, chatsAnswered, chatsRefused, logged, readyShows } from '../sightings.ts'

const MINUTE = 60_000

/** Postgres is the truth: without it a chat is refused, whole and at once, and nothing is half stored. */
export const postgresDown: Scenario = {
  name: 'postgres-down',
  title: 'PostgreSQL 不可用',
  about: 'PostgreSQL is killed; chats are refused with 503 until it is back, and nothing falls back',
  chatsPerSecond: 4,
  // A chat that was being stored at that moment does not know whether it was.
  mayFail: /^(503 OVERLOADED|500 INTERNAL)$/,
  phases: ({ fast, ruled }) => [
    {
      name: 'PostgreSQL is gone',
      act: ({ stack }) => {
        stack.kill('postgres', 'SIGKILL')
        return 'kill -9 of PostgreSQL'
      },
      sightings: [
        chatsRefused('503 OVERLOADED', MINUTE),
        logged(/^a Postgres connection broke; the pool replaces it$/, MINUTE),
        readyShows('postgres', 'down', MINUTE),
        alertFires('ChatErrorBudgetBurn', ruled(4 * MINUTE))
      ],
      unwanted: [logged(/触发自动回退/, 0)]
    },
    {
      name: 'PostgreSQL is back',
      act: async ({ stack }) => {
        await stack.restart('postgres')
        return 'PostgreSQL is started again and recovers'
      },
      sightings: [
        chatsAnswered('runtime_orchestrator', MINUTE),
        readyShows('postgres', 'up', MINUTE),
        // Its window of half an hour has to pass.
        ...(fast ? [alertResolves('ChatErrorBudgetBurn', ruled(40 * MINUTE))] : [])
      ]
    }
  ],
  notAwaited: ({ fast }) => {
    return fast ? undefined : 'ChatErrorBudgetBurn resolves up to 40 minutes after the outage: not waited for.'
  }
}
