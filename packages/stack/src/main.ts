import { join, resolve } from 'node:path'
import { ALL_GROUPS, inspectEnv } from '@semibot/config'
import { REPOSITORY_ROOT } from './paths.ts'
import { ProcessStartError } from './process.ts'
import { banner } from './stack/banner.ts'
import { writeDevEnv } from './stack/dev-env.ts'
import { formatLine } from './stack/log-view.ts'
import { startStack } from './stack/start-stack.ts'
import type { Stack } from './stack/types.ts'

// What `npm start` runs, through scripts/run.mjs: the whole system on this machine, until Ctrl-C or SIGTERM.

/** Ctrl-C in a terminal reaches npm, its child and this process, and each hands it on: these count as one. */
const SAME_REQUEST_MS = 1000

/** Its other lines are about its own start and stop, or about failed statements, which the service that sent them reports. */
const LOUD_POSTGRES = / (WARNING|FATAL|PANIC): /

const stopping = new AbortController()
let stack: Stack | undefined
let asked = 0

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Their lines are not shown as they come. */
const QUIET = ['postgres', 'redis']

function show(name: string, line: string): void {
  if (QUIET.includes(name) && (stopping.signal.aborted || !LOUD_POSTGRES.test(line))) return
  say(formatLine(name, line, { color: process.stdout.isTTY && !process.env.NO_COLOR, width: 10 }))
}

function explain(error: unknown): string {
  // The last words of a service are on the screen already.
  if (error instanceof ProcessStartError && !QUIET.includes(error.processName)) return `${error.summary}, see above`
  return (error as Error).message
}

function askToStop(reason: string): void {
  const now = performance.now()
  if (stopping.signal.aborted) {
    if (now - asked > SAME_REQUEST_MS && stack) {
      say('Ending the open streams at once.')
      stack.hurry()
    }
    return
  }
  asked = now
  say(`\n${reason}: stopping. Open streams may finish; Ctrl-C again ends them at once.`)
  stopping.abort(new Error('stopped while starting'))
}

/** SEMIBOT_HOME, from the environment or the file ENV_FILE. */
function stateFolder(): string {
  const { readings } = inspectEnv(ALL_GROUPS, { directory: REPOSITORY_ROOT })
  return String(readings.get('SEMIBOT_HOME')?.value ?? '.semibot')
}

async function main(): Promise<void> {
  const launcherPid = Number(process.env.SEMIBOT_LAUNCHER_PID) || undefined
  delete process.env.SEMIBOT_LAUNCHER_PID
  const home = stateFolder()
  say(`semibot    starting with the state folder ${resolve(home)}`)
  stack = await startStack({
    home,
    restart: true,
    logFolder: join(resolve(home), 'logs'),
    log: show,
    report: (text) => say(`semibot    ${text}`),
    signal: stopping.signal,
    ...(launcherPid !== undefined && { launcherPid })
  })
  say(banner(stack, writeDevEnv(stack)))
  if (!stopping.signal.aborted) await new Promise((resolve) => stopping.signal.addEventListener('abort', resolve))
  await stack.stop()
  say('Everything has stopped.')
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => askToStop(signal))
// The launcher holds the other end: without it nobody could stop this process from the terminal.
process.on('disconnect', () => askToStop('the launcher is gone'))
// A closed terminal or a `| head` must not keep the services from being stopped in order.
process.stdout.on('error', () => {})

try {
  await main()
  process.exit(0)
} catch (error) {
  if (!stopping.signal.aborted) process.stderr.write(`\n${explain(error)}\n`)
  process.exit(stopping.signal.aborted ? 0 : 1)
}
