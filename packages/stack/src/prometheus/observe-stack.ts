import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { REPOSITORY_ROOT } from '../paths.ts'
import type { Stack } from '../stack/types.ts'
import { FAST_FACTOR, ruleFiles, writeFastRules } from './fast-rules.ts'
import { type RunningAlertmanager, startAlertmanager } from './start-alertmanager.ts'
import { type RunningPrometheus, type ScrapeJob, startPrometheus } from './start-prometheus.ts'

const run = promisify(execFile)

const SCRAPE_INTERVAL_MS = 15_000

export interface ObserveOptions {
  /** Folder for configurations and data; made when it is missing. */
  dir: string
  /** By how much all durations are divided: those of rules, scrapes and notifications. Default FAST_FACTOR; 1 for those
   * of operations. */
  factor?: number
  /** For infra/alertmanager/configure.sh, such as ALERT_WEBHOOK_URL. Default: nobody is told. */
  alertEnv?: Readonly<Record<string, string>>
  /** Label `env` of the alerts. Default `test`. */
  env?: string
  log?: (line: string) => void
  signal?: AbortSignal
}

export interface Observation {
  prometheus: RunningPrometheus
  alertmanager: RunningAlertmanager
  stop(): Promise<void>
}

/**
 * Starts a Prometheus that scrapes the services of a stack under the repository's rules, and an Alertmanager that is
 * configured as the repository does it. Resolves with undefined when one of the programs cannot be had; when it
 * rejects, nothing is left running.
 */
export async function observeStack(
  stack: Pick<Stack, 'urls' | 'env'>,
  options: ObserveOptions
): Promise<Observation | undefined> {
  const { dir, factor = FAST_FACTOR, signal } = options
  const log = options.log === undefined ? {} : { log: options.log }
  mkdirSync(dir, { recursive: true })
  const configFile = join(dir, 'alertmanager.yml')
  writeFileSync(configFile, await alertmanagerConfig({ ...options.alertEnv, ALERT_SPEEDUP: String(factor) }))
  const alertmanager = await startAlertmanager({ dir: join(dir, 'alertmanager'), configFile, signal, ...log })
  if (alertmanager === undefined) return undefined
  try {
    const prometheus = await startPrometheus({
      dir: join(dir, 'prometheus'),
      jobs: scrapeJobs(stack),
      ruleFiles: factor === 1 ? ruleFiles() : writeFastRules(join(dir, 'rules'), factor),
      scrapeIntervalMs: Math.round(SCRAPE_INTERVAL_MS / factor),
      alertmanagerUrl: alertmanager.url,
      externalLabels: { env: options.env ?? 'test' },
      signal,
      ...log
    })
    if (prometheus !== undefined) {
      const stop = async (): Promise<void> => void (await Promise.all([prometheus.stop(), alertmanager.stop()]))
      return { prometheus, alertmanager, stop }
    }
  } catch (error) {
    await alertmanager.stop()
    throw error
  }
  await alertmanager.stop()
  return undefined
}

/** The services of a stack under the job names that the rules know. */
export function scrapeJobs({ urls, env }: Pick<Stack, 'urls' | 'env'>): ScrapeJob[] {
  const bearer = env.METRICS_TOKEN ? { bearerToken: env.METRICS_TOKEN } : {}
  return [
    { name: 'api', targets: urls.api.map((url) => new URL(url).host), ...bearer },
    { name: 'runtime-service', targets: urls.runtime.map((url) => new URL(url).host), ...bearer }
  ]
}

/**
 * What infra/alertmanager/configure.sh makes of an environment.
 * @throws Error with its own words when a value is wrong
 */
export async function alertmanagerConfig(environment: Readonly<Record<string, string>>): Promise<string> {
  const script = join(REPOSITORY_ROOT, 'infra/alertmanager/configure.sh')
  const env = { PATH: process.env.PATH, ...environment }
  try {
    return (await run('sh', [script], { env, timeout: 10_000 })).stdout
  } catch (error) {
    throw new Error((error as { stderr?: string }).stderr?.trim() || (error as Error).message)
  }
}
