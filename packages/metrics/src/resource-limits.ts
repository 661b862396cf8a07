import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'

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
  const groups = cgroups(read(join(root, 'proc/self/cgroup')))
  const mount = join(root, 'sys/fs/cgroup')
  const found = { cpu: [machine.cpuCores], memory: [machine.memoryBytes] }
  for (const folder of chain(mount, groups.unified)) {
    found.cpu.push(cpuMax(read(join(folder, 'cpu.max'))))
    found.memory.push(bytes(read(join(folder, 'memory.max'))))
  }
  for (const folder of chain(join(mount, 'cpu'), groups.cpu)) {
    found.cpu.push(quota(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us'))))
  }
  for (const folder of chain(join(mount, 'memory'), groups.memory)) {
    found.memory.push(bytes(read(join(folder, 'memory.limit_in_bytes'))))
  }
  return { cpuCores: smallest(found.cpu), memoryBytes: smallest(found.memory) }
}

/** Paths of this process in each hierarchy; `/` where it is not told, as in a container with its own namespace. */
function cgroups(text: string): { unified: string; cpu: string; memory: string } {
  const paths = { unified: '/', cpu: '/', memory: '/' }
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    if (controllers === '') paths.unified = path
    if (controllers.split(',').includes('cpu')) paths.cpu = path
    if (controllers.split(',').includes('memory')) paths.memory = path
  }
  return paths
}

/** The group's folder and all above it, up to the mount. */
function chain(mount: string, path: string): string[] {
  const folders = [mount]
  for (let folder = path; folder !== '/' && folder !== '.'; folder = dirname(folder)) folders.push(join(mount, folder))
  return folders
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

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
