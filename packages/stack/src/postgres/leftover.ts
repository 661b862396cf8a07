import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { processStart } from '../process-identity.ts'
import { waitFor } from '../wait-for.ts'

/**
 * Ends a server that a killed supervisor left running on the data folder, and removes a stale postmaster.pid: one
 * whose pid belongs to another program by now would keep the new server from starting.
 * Resolves with what was done, in words, or undefined when there was nothing to do.
 */
export async function endLeftoverServer(dataDir: string): Promise<string | undefined> {
  const pidFile = join(dataDir, 'postmaster.pid')
  const pid = readPid(pidFile)
  if (pid === undefined) return undefined
  if (!servesFolder(pid, dataDir)) {
    rmSync(pidFile, { force: true })
    return 'removed the postmaster.pid of a server that is gone'
  }
  // SIGINT: disconnect everybody and write everything. SIGQUIT: stop at once, the next start replays the log.
  for (const [signal, timeoutMs] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 10_000]
  ] as const) {
    process.kill(pid, signal)
    try {
      await waitFor(() => processStart(pid) === '', { timeoutMs, what: `PostgreSQL (pid ${pid}) to end on ${signal}` })
      return `stopped the PostgreSQL (pid ${pid}) that an earlier run left behind`
    } catch {
      // The next signal.
    }
  }
  throw new Error(`PostgreSQL (pid ${pid}) still runs on ${dataDir} and does not end: kill it, then start again`)
}

/** `ready` once the server accepts connections (line 8 of postmaster.pid, which pg_ctl reads too). */
export function serverState(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() ?? ''
  } catch {
    return ''
  }
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function servesFolder(pid: number, dataDir: string): boolean {
  if (processStart(pid) === '') return false
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(dataDir)
  } catch {
    // No /proc: trust the pid file, as pg_ctl does.
    return process.platform !== 'linux'
  }
}
