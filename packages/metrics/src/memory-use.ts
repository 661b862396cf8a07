import { join } from 'node:path'
import { findCgroups, readText } from './cgroups.ts'

/** How full a control group is. */
export interface MemoryUse {
  usedBytes: number
  limitBytes: number
}

/**
 * How much of its memory limit the control group of this process uses: of the groups around it the one that is
 * nearest to its limit; undefined when none has a limit. Cached file pages that the kernel can drop at once do not
 * count, as in the working set of Kubernetes. Linux documentation: admin-guide/cgroup-v2 (`memory.current`,
 * `memory.max`, `memory.stat`) and cgroup-v1/memory. `root`: where /proc and /sys are, default `/`.
 */
export function readMemoryUse(root = '/'): MemoryUse | undefined {
  const { unified, memory } = findCgroups(root)
  const groups = [
    ...unified.map((folder) => useOf(folder, 'memory.max', 'memory.current', 'inactive_file')),
    ...memory.map((folder) => useOf(folder, 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'))
  ].filter((use) => use !== undefined)
  return groups.sort((a, b) => b.usedBytes / b.limitBytes - a.usedBytes / a.limitBytes)[0]
}

/** Version 1 says "no limit" by a number that no machine has. */
const NO_LIMIT_BYTES = 2 ** 60

function useOf(folder: string, limitFile: string, usageFile: string, cacheField: string): MemoryUse | undefined {
  const limitBytes = Number.parseInt(readText(join(folder, limitFile)), 10)
  if (!(limitBytes > 0 && limitBytes < NO_LIMIT_BYTES)) return undefined
  const usage = Number.parseInt(readText(join(folder, usageFile)), 10)
  if (!(usage >= 0)) return undefined
  const [, cached = '0'] = new RegExp(`^${cacheField} (\\d+)$`, 'm').exec(readText(join(folder, 'memory.stat'))) ?? []
  return { usedBytes: Math.max(0, usage - Number(cached)), limitBytes }
}
