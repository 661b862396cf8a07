import { fstatSync } from 'node:fs'

const STDOUT = 1

interface StreamHandle {
  setBlocking?(isBlocking: boolean): void
}

/**
 * Where standard output is a pipe or a socket: a function that keeps writes to it from waiting for a reader that has
 * stopped reading, since not even `process.exit` ends a write that waits; they fail with EAGAIN instead. To be called
 * before each write: whoever shares the pipe can undo it, and a process that is started or ends does.
 */
export function stdoutUnblocker(): (() => void) | undefined {
  const stats = fstatSync(STDOUT)
  if (!stats.isFIFO() && !stats.isSocket()) return undefined
  // Made on first use, and O_NONBLOCK is set with it.
  const { _handle: handle } = process.stdout as typeof process.stdout & { _handle?: StreamHandle | null }
  return () => handle?.setBlocking?.(false)
}
