import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isSameProcess, processStart } from './process-identity.ts'

/** Who holds an exclusive file. */
export interface Holder {
  pid: number
  /** Identity of the process, see processStart. */
  start: string
  /** Free words of the holder. */
  note: string
}

/**
 * Makes a file that only one living process can hold: true when this process has it now. A file left behind by a
 * process that is gone is taken over. Throws when the folder cannot be written.
 */
export function takeExclusiveFile(path: string, note = ''): boolean {
  const draft = `${path}.${process.pid}`
  writeHolder(draft, note)
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (linked(draft, path)) return true
      const holder = readHolder(path)
      if (holder && isAlive(holder)) return false
      removeStale(path)
    }
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Replaces the note of a file that this process holds. */
export function noteExclusiveFile(path: string, note: string): void {
  const draft = `${path}.${process.pid}`
  writeHolder(draft, note)
  renameSync(draft, path)
}

/** The process named in the file, living or not; undefined when there is no such file or it cannot be read. */
export function readHolder(path: string): Holder | undefined {
  try {
    const [pid, start = '', ...note] = readFileSync(path, 'utf8').trim().split(' ')
    return { pid: Number(pid), start, note: note.join(' ') }
  } catch {
    return undefined
  }
}

/** Whether the holder still runs. */
export function isAlive(holder: Holder): boolean {
  return isSameProcess(holder.pid, holder.start)
}

function writeHolder(path: string, note: string): void {
  writeFileSync(path, `${process.pid} ${processStart(process.pid)} ${note}\n`, { mode: 0o600 })
}

function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Between the look and this call another process may have taken the file: what was moved away is checked again. */
function removeStale(path: string): void {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const holder = readHolder(aside)
  if (holder && isAlive(holder)) linked(aside, path)
  rmSync(aside, { force: true })
}
