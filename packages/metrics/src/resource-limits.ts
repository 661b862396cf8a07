import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { findCgroups, readText } from './cgroups.ts'

/** What a process may use. */
export interface ResourceLimits {
  /** Cores, fractions included. */
  cpuCores: number
  memoryBytes: number
}

export interface ResourceLimitSources {
  /** Where /proc and /sys are. Default `/`. */
  root?: string
  /** What holds where no limit is set. Default: those of the machine. */
  machine?: ResourceLimits
}

/**
 * What this process may use: the tightest limit of its cgroup and the groups around it (version 2, else version
 * 1), never more than the machine has. Linux documentation: admin-guide/cgroup-v2 (`cpu.max`, `memory.max`) and
 * scheduler/sched-bwc (`cpu.cfs_quota_us`).
 */
export function readResourceLimits(sources: ResourceLimitSources = {}): ResourceLimits {
  const { root = '/', machine = { cpuCores: cpus().length, memoryBytes: totalmem() } } = sources
  const groups = findCgroups(root)
  const found = { cpu: [machine.cpuCores], memory: [machine.memoryBytes] }
  for (const folder of groups.unified) {
    found.cpu.push(cpuMax(readText(join(folder, 'cpu.max'))))
    found.memory.push(bytes(readText(join(folder, 'memory.max'))))
  }
  for (const folder of groups.cpu) {
    found.cpu.push(quota(readText(join(folder, 'cpu.cfs_quota_us')), readText(join(folder, 'cpu.cfs_period_us'))))
  }
  for (const folder of groups.memory) {
    found.memory.push(bytes(readText(join(folder, 'memory.limit_in_bytes'))))
  }
  return { cpuCores: smallest(found.cpu), memoryBytes: smallest(found.memory) }
}

function cpuMax(text: string): number {
  const [limit, period] = text.trim().split(/\s+/)
  return quota(limit ?? '', period ?? '')
}

function quota(limit: string, period: string): number {
  return Number.parseInt(limit, 10) / Number.parseInt(period, 10)
}

function bytes(text: string): number {
  return Number.parseInt(text, 10)
}

/** `max`, -1 and missing files give no positive number and do not limit. */
function smallest(limits: number[]): number {
  return Math.min(...limits.filter((limit) => limit > 0))
}
