const groups = new Set<number>()
let watches = false

/**
 * Makes sure that the process group of `pid` does not outlive this process, whichever way this process ends short of
 * SIGKILL. Returns the function that takes the group off the list again.
 */
export function killWithParent(pid: number): () => void {
  // Before all others, which may leave at once.
  if (!watches) process.prependOnceListener('exit', killAll)
  watches = true
  groups.add(pid)
  return () => void groups.delete(pid)
}

function killAll(): void {
  for (const pid of groups) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}
