import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from '../failure.ts'
import { seconds } from '../seconds.ts'
import type { StackTools } from '../stack-tools.ts'
import { type DrillSite, openDrillSite } from './drill-site.ts'
import { startLoad, total } from './load.ts'
import type { DrillReport, Pace, Phase, PhaseReport, Scenario, Seen, Sighting } from './scenario.ts'

export interface DrillOptions {
  fast: boolean
  /** Environment of the services on top of a bare one. */
  env?: Readonly<Record<string, string>>
  /** The folder with logs and data stays. */
  keep: boolean
  /** A line about what happens. */
  say: (line: string) => void
  signal: AbortSignal
}

const POLL_MS = 250
const MESSAGE = 'Hello'
const WARM_UP_MS = 90_000
const WARM_UP_CHATS = 5
const NO_ALERTS = 'Prometheus or Alertmanager is not to be had on this machine: no alert was watched.'

/**
 * Does harm to a system of its own and watches it as an operator would: alerts, log, endpoints, chats. Resolves with
 * what was seen and what was not. Throws CliError where it cannot begin; whatever happens, nothing is left running.
 */
export async function runDrill(tools: StackTools, scenario: Scenario, options: DrillOptions): Promise<DrillReport> {
  const { say, fast, signal } = options
  const startedAt = performance.now()
  say(`${scenario.name}: ${scenario.about} (${scenario.title})`)
  const site = await openDrillSite(tools, { fast, env: options.env ?? {}, report: (text) => say(`  ${text}`), signal })
  try {
    checkNeeds(scenario, site)
    const outcome = await play(scenario, site, options)
    return { ...outcome, durationMs: Math.round(performance.now() - startedAt) }
  } finally {
    await site.stop()
    if (options.keep) say(`kept: ${site.home}`)
    else site.remove()
  }
}

function checkNeeds({ needs = [], name }: Scenario, { stack }: DrillSite): void {
  if (needs.includes('redis') && stack.plan.redis === undefined) {
    throw new CliError(`${name} needs redis-server: install it, for example with apt-get install redis-server`)
  }
}

async function play(
  scenario: Scenario,
  site: DrillSite,
  { fast, say, signal }: DrillOptions
): Promise<Omit<DrillReport, 'durationMs'>> {
  const pace = paceOf(fast)
  const load = startLoad({
    apiUrl: site.stack.urls.api[0] ?? '',
    apiKey: site.stack.runtimeOrg.apiKey,
    chatsPerSecond: scenario.chatsPerSecond,
    message: MESSAGE,
    counts: site.chats
  })
  const phases: PhaseReport[] = []
  const findings: string[] = []
  try {
    await warmUp(site, signal)
    for (const phase of scenario.phases(pace)) phases.push(await playPhase(phase, site, say, findings, signal))
  } finally {
    await load.stop()
  }
  const { mayFail } = scenario
  for (const [failure, count] of Object.entries(site.chats.failed)) {
    if (!mayFail?.test(failure)) findings.push(`${count} chats failed: ${failure}.`)
  }
  const noAlerts = site.alerting === undefined ? NO_ALERTS : undefined
  const notWatched = [noAlerts, scenario.notAwaited?.(pace)].filter((text) => text !== undefined)
  const { name, title } = scenario
  return { scenario: name, title, fast, passed: findings.length === 0, phases, chats: site.chats, findings, notWatched }
}

/** A busy machine is no finding: what rules take comes on top of what processes may. */
function paceOf(fast: boolean): Pace {
  return { fast, ruled: (milliseconds) => (fast ? milliseconds / 20 + 60_000 : milliseconds + 120_000) }
}

/** Until chats are answered by the runtime, and Prometheus has seen both services. */
async function warmUp({ chats, alerting }: DrillSite, signal: AbortSignal): Promise<void> {
  const end = performance.now() + WARM_UP_MS
  for (;;) {
    const isWarm = (chats.answered.runtime_orchestrator ?? 0) >= WARM_UP_CHATS
    const targets = (await alerting?.prometheus.targets()) ?? []
    const areUp = alerting === undefined || (targets.length >= 2 && targets.every(({ health }) => health === 'up'))
    if (isWarm && areUp) return
    if (performance.now() > end) {
      const unseen = targets.filter(({ health }) => health !== 'up').map(({ job, lastError }) => `${job}: ${lastError}`)
      throw new CliError(
        `the system did not come to run within ${WARM_UP_MS / 1000} s (${unseen.join('; ') || 'chats'})`
      )
    }
    await pause(POLL_MS, undefined, { signal })
  }
}

async function playPhase(
  phase: Phase,
  site: DrillSite,
  say: (line: string) => void,
  findings: string[],
  signal: AbortSignal
): Promise<PhaseReport> {
  const since = Date.now()
  const act = await phase.act(site)
  say(`${phase.name}: ${act}`)
  const watched = phase.sightings.filter((sighting) => sighting.view !== 'alert' || site.alerting !== undefined)
  const seen = await Promise.all(
    watched.map(async (sighting) => {
      const result = await watch(sighting, site, since, signal)
      say(describe(result))
      if (result.afterMs === null) {
        findings.push(`${phase.name}: not seen within ${seconds(result.withinMs)}: ${sighting.view}: ${sighting.what}.`)
      }
      return result
    })
  )
  for (const sighting of phase.unwanted ?? []) {
    const evidence = await sighting.look(site, since)
    if (evidence !== undefined) findings.push(`${phase.name}: must not be: ${sighting.view}: ${sighting.what}.`)
  }
  return { name: phase.name, act, seen }
}

async function watch(sighting: Sighting, site: DrillSite, since: number, signal: AbortSignal): Promise<Seen> {
  const { view, what, withinMs } = sighting
  for (;;) {
    const evidence = await lookOnce(sighting, site, since)
    const afterMs = Date.now() - since
    if (evidence !== undefined) return { view, what, withinMs, afterMs, evidence }
    if (afterMs > withinMs) return { view, what, withinMs, afterMs: null, evidence: '' }
    await pause(POLL_MS, undefined, { signal })
  }
}

/** In an outage it may well be that nobody answers. */
async function lookOnce(sighting: Sighting, site: DrillSite, since: number): Promise<string | undefined> {
  try {
    return await sighting.look(site, since)
  } catch {
    return undefined
  }
}

function describe({ view, what, withinMs, afterMs, evidence }: Seen): string {
  const label = `${view.padEnd(8)}  ${what}`
  if (afterMs === null) return `  MISSING  ${label}, not within ${seconds(withinMs)}`
  return `  ok ${seconds(afterMs).padStart(8)}  ${label}: ${evidence}`
}

/** One line about the chats of a drill. */
export function describeChats({ chats }: DrillReport): string {
  const answered = Object.entries(chats.answered).map(([mode, count]) => `${count} by ${mode}`)
  const failed = Object.entries(chats.failed).map(([failure, count]) => `${count} ${failure}`)
  return `${chats.sent} chats: ${total(chats.answered)} answered (${answered.join(', ')}), ${total(chats.failed)} failed${failed.length > 0 ? ` (${failed.join(', ')})` : ''}`
}
