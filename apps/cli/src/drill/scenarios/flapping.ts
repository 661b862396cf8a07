import { setTimeout as pause } from 'node:timers/promises'
import type { DrillSite } from '../drill-site.ts'
import type { Pace, Scenario } from '../scenario.ts'
import { alertFires, alertResolves, chatsAnswered, logged, statusShows } from '../sightings.ts'

const MINUTE = 60_000
const POLL_MS = 200

/** Takes the runtime away and gives it back, again and again, until somebody says stop. */
function flap({ api, door, ended }: DrillSite, { fast }: Pace): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const signal = AbortSignal.any([stopping.signal, ended])
  // Each state lasts for some scrapes, or nobody sees it.
  const holdMs = fast ? 3000 : 45_000

  async function until(enabled: boolean): Promise<void> {
    while (!signal.aborted) {
      if ((await api.status()).fallbackEnabled === enabled) break
      await pause(POLL_MS, undefined, { signal })
    }
    await pause(holdMs, undefined, { signal })
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await door.close()
      await until(true)
      await door.open()
      await until(false)
    }
  }

  let failure: unknown
  const finished = run().catch((error: unknown) => {
    if (!signal.aborted) failure = error
  })
  return {
    stop: async () => {
      stopping.abort()
      await finished
      await door.open()
      if (failure !== undefined) throw failure
    }
  }
}

/** Scenario 4 of the runbook. */
export const flapping: Scenario = {
  name: 'flapping',
  title: '场景 4：自动回退频繁触发',
  about: 'the runtime comes and goes; the fallback begins and ends again and again',
  chatsPerSecond: 4,
  phases: (pace) => {
    let flaps: ReturnType<typeof flap> | undefined
    return [
      {
        name: 'the runtime comes and goes',
        act: (site) => {
          flaps = flap(site, pace)
          return 'the way to the runtime is closed and opened again and again'
        },
        sightings: [
          logged(/^\[RuntimeAdapter\] 触发自动回退 原因: /, 10 * MINUTE, { atLeast: 3 }),
          logged(/^\[RuntimeAdapter\] 禁用自动回退 原因: 指标恢复正常$/, 10 * MINUTE, { atLeast: 3 }),
          statusShows('the history lists six changes', 10 * MINUTE, ({ history }) => {
            return (history ?? []).filter(({ state }) => state === 'open' || state === 'closed').length >= 6
          }),
          alertFires('RuntimeFallbackFlapping', pace.ruled(3 * MINUTE) + 8 * MINUTE)
        ]
      },
      {
        name: 'the runtime stays',
        act: async () => {
          await flaps?.stop()
          return 'the way to the runtime stays open'
        },
        sightings: [
          statusShows('fallbackEnabled is false', MINUTE, (status) => !status.fallbackEnabled),
          chatsAnswered('runtime_orchestrator', MINUTE),
          ...(pace.fast ? [alertResolves('RuntimeFallbackFlapping', pace.ruled(50 * MINUTE))] : [])
        ]
      }
    ]
  },
  notAwaited: ({ fast }) => {
    return fast ? undefined : 'RuntimeFallbackFlapping resolves about 45 minutes after the last change: not waited for.'
  }
}
