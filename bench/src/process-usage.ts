import { readFileSync } from 'node:fs'

/** Clock ticks per second of /proc on Linux: 100 on every platform that Node supports. */
const TICKS_PER_SECOND = 100

/** What the operating system says that a process has used so far. */
export interface Usage {
  cpuSeconds: number
  residentBytes: number
}

/** Reads /proc, so Linux only: elsewhere the bench says so and stops. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may contain spaces; fields 14 and 15 are user and system time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    residentBytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }
}
