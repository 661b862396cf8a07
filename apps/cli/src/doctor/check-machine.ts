import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { dirname } from 'node:path'
import { type Finding, fail, ok, warn } from './finding.ts'

const MIN_FREE_SHARE = 0.1
/** Of the cores: beyond this, processes wait for one another. */
const MAX_LOAD_PER_CORE = 2

/** What `df -h`, `uptime` and a look at the log's folder would tell: `path` is a folder whose disk matters. */
export function checkMachine(path: string, logFile: string | undefined): Finding[] {
  return [checkDisk(path), checkLoad(loadavg()[1] ?? 0, availableParallelism()), ...checkLogFile(logFile)]
}

/** Whether enough of the disk is free. */
export function checkDisk(path: string, statfs = statfsSync): Finding {
  const { blocks, bavail, bsize } = statfs(path)
  const share = blocks === 0 ? 1 : bavail / blocks
  const message = `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB (${Math.round(share * 100)} %) are free at ${path}`
  if (share >= MIN_FREE_SHARE) return ok('disk', message)
  return warn('disk', message, 'remove old logs and data: semibot db retention --dry-run shows what may go')
}

/** Whether the machine keeps up: `load` is the mean of five minutes. */
export function checkLoad(load: number, cores: number): Finding {
  const message = `${load.toFixed(1)} on ${cores} cores in the last five minutes`
  if (load <= cores * MAX_LOAD_PER_CORE) return ok('load', message)
  return warn('load', message, 'see what needs the time (top), or add machines')
}

function checkLogFile(file: string | undefined): Finding[] {
  if (file === undefined) return []
  const path = existsSync(file) ? file : dirname(file)
  try {
    accessSync(path, constants.W_OK)
    return [ok('log', `LOG_FILE ${file} can be written`)]
  } catch (error) {
    const advice = 'give it to the user of the service, or change LOG_FILE; logs still go to standard output'
    return [fail('log', `LOG_FILE ${file}: ${(error as Error).message}`, advice)]
  }
}
