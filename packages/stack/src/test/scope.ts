import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../paths.ts'

// Node.js closes what is left of a process that has nothing more to do, and now and then waits for ever, at full
// speed, for a request of a connection that was reset. Leaving by process.exit does not wait; the exit code stays.
process.once('exit', () => process.exit())

// A test file that is ended by its runner, or by hand, must not leave its processes behind: exiting ends them.
for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129]
] as const) {
  process.once(signal, () => process.exit(code))
}

/** What the helpers need of a tap test: a place to hang the cleaning up on. */
export interface TestScope {
  teardown(cleanUp: () => unknown): void
}

/** The value of an environment variable that `npm test` sets; throws with the way out when it is missing. */
export function requiredVariable(key: string, example: string): string {
  const value = process.env[key]
  if (value) return value
  throw new Error(`${key} is not set: run the tests through "npm test", or set it, for example ${key}=${example}`)
}

/**
 * Of the environment only what a program needs to run, and no settings file: neither a developer's own settings nor
 * those of the machine may change a test.
 */
export function bareEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'USER'].flatMap((key) => {
    const value = process.env[key]
    return value === undefined ? [] : [[key, value]]
  })
  return { ...Object.fromEntries(kept), ENV_FILE: '/dev/null', NODE_COMPILE_CACHE: COMPILE_CACHE }
}

/** Starting a service from source costs half as much where Node.js keeps what it has compiled. */
const COMPILE_CACHE = join(REPOSITORY_ROOT, 'node_modules/.cache/node-compile')
