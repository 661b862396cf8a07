import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningPrometheus, Stack } from '@semibot/stack'
import { createOperatorApi, type OperatorApi } from '../operator-api.ts'
import type { StackTools } from '../stack-tools.ts'
import { type AlertInbox, openAlertInbox } from './alert-inbox.ts'
import { emptyCounts, type LoadCounts } from './load.ts'
import { type LogWatch, watchLog } from './log-watch.ts'
import { openRuntimeDoor, type RuntimeDoor } from './runtime-door.ts'

export interface DrillSiteOptions {
  /** The rules with all their durations divided by twenty. */
  fast: boolean
  /** Environment of the services on top of a bare one. */
  env: Readonly<Record<string, string>>
  /** What is being done, in words. */
  report: (text: string) => void
  signal: AbortSignal
}

/** A system of its own with all that watches one: nobody else uses it, and it may be broken. */
export interface DrillSite {
  /** Its folder: logs, data, configuration. */
  home: string
  stack: Stack
  api: OperatorApi
  door: RuntimeDoor
  apiLog: LogWatch
  /** What became of the chats so far. */
  chats: LoadCounts
  /** undefined: Prometheus or Alertmanager is not to be had on this machine. */
  alerting: { prometheus: RunningPrometheus; inbox: AlertInbox } | undefined
  /** Aborted when it stops. */
  ended: AbortSignal
  /** Stops everything; the folder stays. */
  stop(): Promise<void>
  /** Removes the folder. */
  remove(): void
}

/** Of the environment only what programs need: a drill never touches what somebody has configured. */
const KEPT = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'USER']

/** Starts everything. When it rejects, nothing is left running. */
export async function openDrillSite(tools: StackTools, options: DrillSiteOptions): Promise<DrillSite> {
  const { report, signal } = options
  const home = mkdtempSync(join(tmpdir(), 'semibot-drill-'))
  // Run by root, PostgreSQL is another user, who must get to its data in here.
  if (process.getuid?.() === 0) chmodSync(home, 0o711)
  const running: (() => Promise<unknown>)[] = []
  const ending = new AbortController()
  const stop = async (): Promise<void> => {
    ending.abort()
    for (const end of running.splice(0).reverse()) await end()
  }
  const remove = (): void => rmSync(home, { recursive: true, force: true })
  try {
    const [targetPort, doorPort] = [await tools.freePort(), await tools.freePort()]
    const door = await openRuntimeDoor({ port: doorPort, targetPort })
    running.push(() => door.close())
    const logFolder = join(home, 'logs')
    const stack = await tools.startStack({
      home: join(home, 'state'),
      env: {
        ...bareEnvironment(),
        ...options.env,
        RUNTIME_PORT: String(targetPort),
        RUNTIME_SERVICE_URL: door.url
      },
      freePorts: true,
      fast: true,
      redis: 'unpacked',
      logFolder,
      report,
      signal
    })
    running.push(() => stack.stop())
    const alerting = await watchAlerts(tools, stack, home, options, running)
    const api = createOperatorApi(stack.urls.api[0] ?? '', stack.adminToken, 'drill')
    const chats = emptyCounts()
    return {
      home,
      stack,
      api,
      door,
      apiLog: watchLog(join(logFolder, 'api.log')),
      chats,
      alerting,
      ended: ending.signal,
      stop,
      remove
    }
  } catch (error) {
    await stop()
    remove()
    throw error
  }
}

/** Prometheus and Alertmanager as operators run them; notifications go to the inbox. */
async function watchAlerts(
  tools: StackTools,
  stack: Stack,
  home: string,
  { fast, signal }: DrillSiteOptions,
  running: (() => Promise<unknown>)[]
): Promise<DrillSite['alerting']> {
  const inbox = await openAlertInbox(await tools.freePort())
  running.push(() => inbox.stop())
  const observation = await tools.observeStack(stack, {
    dir: join(home, 'observation'),
    factor: fast ? tools.FAST_FACTOR : 1,
    alertEnv: { ALERT_WEBHOOK_URL: inbox.url },
    env: 'drill',
    signal
  })
  if (observation === undefined) return undefined
  running.push(() => observation.stop())
  return { prometheus: observation.prometheus, inbox }
}

function bareEnvironment(): Record<string, string> {
  const kept = KEPT.flatMap((key) => {
    const value = process.env[key]
    return value === undefined ? [] : [[key, value] as const]
  })
  return { ...Object.fromEntries(kept), ENV_FILE: '/dev/null' }
}
