import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../claim.ts'
import type { FindProgramOptions } from '../find-program.ts'
import { type ProcessExit, type ProcessOptions, type RunningProcess, startProcess } from '../process.ts'
import { findPrometheus } from './programs.ts'
import { createPrometheusClient, type PrometheusClient } from './prometheus-client.ts'

/** What is scraped under one job name. */
export interface ScrapeJob {
  /** The job label: `api` and `runtime-service` are the names that the rules know. */
  name: string
  /** `host:port` of each process. */
  targets: readonly string[]
  /** Default `/metrics`. */
  metricsPath?: string
  /** Sent as `authorization: Bearer ...`, see METRICS_TOKEN. */
  bearerToken?: string
}

export interface PrometheusOptions extends FindProgramOptions {
  /** Path of the program. Default: what findPrometheus finds. */
  program?: string
  /** Folder for its configuration and its data; made when it is missing. */
  dir: string
  /** On 127.0.0.1. Default: a free one. */
  port?: number
  jobs: readonly ScrapeJob[]
  /** Paths or patterns of rule files. Default: none. */
  ruleFiles?: readonly string[]
  /** In milliseconds. Default 15000. */
  scrapeIntervalMs?: number
  /** Of a scrape, in milliseconds; at most the interval. Default: the interval, at most 10000. */
  scrapeTimeoutMs?: number
  /** Of rule groups without an interval of their own, in milliseconds. Default: that of the scrapes. */
  evaluationIntervalMs?: number
  /** Where alerts go. Default: nowhere. */
  alertmanagerUrl?: string
  /** Added to every alert that leaves, such as `env`. */
  externalLabels?: Readonly<Record<string, string>>
  /** See ProcessOptions. */
  spawned?: ProcessOptions['spawned']
  signal?: AbortSignal | undefined
}

export interface RunningPrometheus extends PrometheusClient {
  port: number
  pid: number
  process: RunningProcess
  stop(): Promise<ProcessExit>
}

/**
 * Starts a Prometheus of its own on the loopback, with its data in `dir`. Resolves with undefined when there is no such
 * program: on PATH, or unpacked from Debian. Throws ProcessStartError when it does not come up, for example because a
 * rule file is wrong.
 */
export async function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus | undefined> {
  const program = options.program ?? (await findPrometheus(options))
  if (!program) return undefined
  const { log, signal } = options
  const dir = resolve(options.dir)
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  mkdirSync(dir, { recursive: true })
  const configFile = join(dir, 'prometheus.yml')
  writeFileSync(configFile, prometheusConfig(options), { mode: 0o600 })
  const process = await startProcess({
    name: 'prometheus',
    command: program,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn'
    ],
    cwd: dir,
    ready: { url: `${url}/-/ready` },
    readyTimeoutMs: 60_000,
    log,
    spawned: options.spawned,
    signal
  })
  return { ...createPrometheusClient(url), port, pid: process.pid, process, stop: () => process.stop() }
}

/** The configuration as JSON, which is YAML too. */
export function prometheusConfig(options: PrometheusOptions): string {
  const { scrapeIntervalMs = 15_000, alertmanagerUrl } = options
  const { scrapeTimeoutMs = Math.min(scrapeIntervalMs, 10_000), evaluationIntervalMs = scrapeIntervalMs } = options
  const config = {
    global: {
      scrape_interval: `${scrapeIntervalMs}ms`,
      scrape_timeout: `${scrapeTimeoutMs}ms`,
      evaluation_interval: `${evaluationIntervalMs}ms`,
      ...(options.externalLabels && { external_labels: options.externalLabels })
    },
    rule_files: [...(options.ruleFiles ?? [])],
    ...(alertmanagerUrl !== undefined && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }] }
    }),
    scrape_configs: options.jobs.map((job) => ({
      job_name: job.name,
      metrics_path: job.metricsPath ?? '/metrics',
      ...(job.bearerToken !== undefined && { authorization: { credentials: job.bearerToken } }),
      static_configs: [{ targets: [...job.targets] }]
    }))
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}
