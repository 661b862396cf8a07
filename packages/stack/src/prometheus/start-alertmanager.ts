import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { freePort } from '../claim.ts'
import type { FindProgramOptions } from '../find-program.ts'
import { type ProcessExit, type ProcessOptions, type RunningProcess, startProcess } from '../process.ts'
import { findAlertmanager, folderOfAlertmanager } from './programs.ts'

export interface AlertmanagerOptions extends FindProgramOptions {
  /** Path of the program. Default: what findAlertmanager finds. */
  program?: string
  /** Folder for its data; made when it is missing. */
  dir: string
  /** Path of its configuration; infra/alertmanager/configure.sh writes one from the environment. */
  configFile: string
  /** On 127.0.0.1. Default: a free one. */
  port?: number
  /** See ProcessOptions. */
  spawned?: ProcessOptions['spawned']
  signal?: AbortSignal | undefined
}

/** An alert as Alertmanager keeps it. */
export interface ManagedAlert {
  name: string
  labels: Record<string, string>
  annotations: Record<string, string>
  /** `suppressed` by a silence or by another alert. */
  state: 'active' | 'suppressed' | 'unprocessed'
}

export interface RunningAlertmanager {
  /** Without a slash at the end. */
  url: string
  port: number
  pid: number
  process: RunningProcess
  /** What is not over, suppressed ones included. */
  alerts(): Promise<ManagedAlert[]>
  stop(): Promise<ProcessExit>
}

/**
 * Starts an Alertmanager of its own on the loopback, without a cluster. Resolves with undefined when there is no such
 * program: on PATH, or unpacked from Debian. Throws ProcessStartError when it does not come up, for example because
 * its configuration is wrong.
 */
export async function startAlertmanager(options: AlertmanagerOptions): Promise<RunningAlertmanager | undefined> {
  const program = options.program ?? (await findAlertmanager(options))
  if (!program) return undefined
  const { dir, log, signal } = options
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  mkdirSync(dir, { recursive: true })
  const process = await startProcess({
    name: 'alertmanager',
    command: program,
    args: [
      `--config.file=${resolve(options.configFile)}`,
      `--storage.path=${resolve(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // Otherwise it looks for other instances on all interfaces.
      '--cluster.listen-address=',
      '--log.level=warn'
    ],
    cwd: folderOfAlertmanager(program) ?? dir,
    ready: { url: `${url}/-/ready` },
    log,
    spawned: options.spawned,
    signal
  })
  return {
    url,
    port,
    pid: process.pid,
    process,
    alerts: () => readAlerts(url),
    stop: () => process.stop()
  }
}

async function readAlerts(url: string): Promise<ManagedAlert[]> {
  const response = await fetch(`${url}/api/v2/alerts`, { signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`Alertmanager answered ${response.status}: ${await response.text()}`)
  const alerts = (await response.json()) as {
    labels: Record<string, string>
    annotations: Record<string, string>
    status: { state: ManagedAlert['state'] }
  }[]
  return alerts.map(({ labels: { alertname: name = '', ...labels }, annotations, status }) => ({
    name,
    labels,
    annotations,
    state: status.state
  }))
}
