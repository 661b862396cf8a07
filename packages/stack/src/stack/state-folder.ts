import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Holder, isAlive, noteExclusiveFile, readHolder, takeExclusiveFile } from '../exclusive-file.ts'
import { isSameProcess, processStart } from '../process-identity.ts'
import { waitFor } from '../wait-for.ts'

/** Longest time that a stack needs to stop, in milliseconds. */
const STOP_LIMIT_MS = 60_000
const STOPPING = 'stopping'

/** A state folder that belongs to this process. */
export interface StateFolder {
  /** Absolute. */
  home: string
  /** Says that the stack is being stopped: who wants the folder next waits for it. */
  announceStop(): void
  release(): void
}

export interface OpenOptions {
  /** The process that started this one and that somebody may kill without us noticing. Default: none. */
  launcherPid?: number | undefined
  /** What is waited for, in words. */
  report?: (text: string) => void
}

/**
 * Makes the state folder and takes it for this process. Throws one clear line when the folder cannot be written or when
 * another stack runs on it. A stack whose launcher was killed is on its way out: it is waited for.
 */
export async function openStateFolder(folder: string, options: OpenOptions = {}): Promise<StateFolder> {
  const home = resolve(folder)
  const lock = join(home, 'start.lock')
  const launcher = options.launcherPid ? `${options.launcherPid} ${processStart(options.launcherPid)}` : ''
  while (!take(home, lock, launcher)) {
    const holder = readHolder(lock)
    if (!holder || !isAlive(holder)) continue
    if (!isEnding(holder)) {
      throw new Error(
        `Semibot runs on ${home} already (pid ${holder.pid}): stop it first, or set SEMIBOT_HOME and the ports for a second one`
      )
    }
    options.report?.(`an earlier run (pid ${holder.pid}) is still stopping: waiting for it`)
    await waitFor(() => !isAlive(holder), { timeoutMs: STOP_LIMIT_MS, what: `pid ${holder.pid} to give up ${home}` })
  }
  return {
    home,
    announceStop: () => noteExclusiveFile(lock, STOPPING),
    release: () => rmSync(lock, { force: true })
  }
}

function take(home: string, lock: string, note: string): boolean {
  try {
    // Root's database runs as another user, who must be able to cross the folder; what is secret in it has mode 0600.
    makeFolder(home, process.getuid?.() === 0 ? 0o711 : 0o700)
    return takeExclusiveFile(lock, note)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`cannot write to the state folder ${home} (${code}): make it writable, or set SEMIBOT_HOME`, {
      cause: error
    })
  }
}

/** Not with `recursive`: that never ends where a folder exists and cannot have children, such as /proc. */
function makeFolder(folder: string, mode: number): void {
  if (existsSync(folder)) return
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder), 0o755)
  mkdirSync(folder, { mode })
}

function isEnding(holder: Holder): boolean {
  if (holder.note === STOPPING) return true
  const [pid, start] = holder.note.split(' ')
  return Boolean(pid && start) && !isSameProcess(Number(pid), start as string)
}
