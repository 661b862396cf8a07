import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcess } from '../process-identity.ts'
import { waitFor } from '../wait-for.ts'

/** One line of processes.json. */
export interface ProcessEntry {
  name: string
  pid: number
  port: number
  /** Identity of the process beside its pid: it says whether the pid still is this process. */
  start: string
}

/** Writes the list to `processes.json` in the state folder; a reader sees the old list or the new one, never half. */
export function writeProcesses(home: string, entries: readonly ProcessEntry[]): void {
  const path = join(home, 'processes.json')
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(entries, null, 2)}\n`)
  renameSync(draft, path)
}

/** The list of `processes.json`; empty when there is none or it cannot be read. */
export function readProcesses(home: string): ProcessEntry[] {
  try {
    const entries: unknown = JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'))
    return Array.isArray(entries) ? entries : []
  } catch {
    return []
  }
}

/** No process of this folder runs any more. */
export function removeProcesses(home: string): void {
  rmSync(join(home, 'processes.json'), { force: true })
}

/**
 * Ends the processes that a killed supervisor left running, as processes.json names them, and no others: a pid that
 * belongs to another program by now is left alone. Resolves with what was ended, in words.
 */
export async function endLeftoverProcesses(home: string): Promise<string[]> {
  const left = readProcesses(home).filter((entry) => isSameProcess(entry.pid, entry.start))
  await Promise.all(left.map(endProcess))
  removeProcesses(home)
  return left.map((entry) => `ended ${entry.name} (pid ${entry.pid}), which an earlier run left behind`)
}

async function endProcess(entry: ProcessEntry): Promise<void> {
  const isGone = (): boolean => !isSameProcess(entry.pid, entry.start)
  const signals = entry.name === 'postgres' ? (['SIGINT', 'SIGQUIT'] as const) : (['SIGTERM', 'SIGKILL'] as const)
  for (const signal of signals) {
    if (isGone()) return
    process.kill(entry.pid, signal)
    try {
      await waitFor(isGone, { timeoutMs: 5000, what: `${entry.name} (pid ${entry.pid}) to end on ${signal}` })
      return
    } catch (error) {
      if (signal === signals[1]) throw error
    }
  }
}
