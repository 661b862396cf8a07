import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * When the process was started, as a word without blanks that only compares equal to itself; '' when there is no such
 * process. With the pid it names a process for good, since pids are used again.
 */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold blanks; field 22 is the start in clock ticks since boot, field 3 the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? '' : `${bootId()}:${fields[19]}`
  } catch {
    return process.platform === 'linux' ? '' : startByPs(pid)
  }
}

/** Whether the pid still is the process that `start` was taken of. */
export function isSameProcess(pid: number, start: string): boolean {
  return pid > 0 && start !== '' && processStart(pid) === start
}

let knownBootId: string | undefined

/** Without it a pid and tick of before a reboot could match a process of now. */
function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)
  return knownBootId
}

function startByPs(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .replaceAll(/\s+/g, '_')
  } catch {
    return ''
  }
}
