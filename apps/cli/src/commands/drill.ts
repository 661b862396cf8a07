import { Argument, Command } from 'commander'
import type { Cli } from '../cli.ts'
import { describeChats, runDrill } from '../drill/run-drill.ts'
import type { DrillReport } from '../drill/scenario.ts'
import { SCENARIOS } from '../drill/scenarios.ts'
import { CliError } from '../failure.ts'
import { seconds } from '../seconds.ts'
import { stackTools } from '../stack-tools.ts'

interface DrillFlags {
  fast?: boolean
  keep?: boolean
}

/** `semibot drill <scenario>`: breaks a system of its own, and watches whether operators are told. */
export function drillCommand(cli: Cli): Command {
  const names = SCENARIOS.map(({ name }) => name)
  const list = SCENARIOS.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join('\n')
  return new Command('drill')
    .description('break a system of its own and watch alerts, log, endpoints and recovery; needs a clone')
    .addArgument(new Argument('<scenario>', 'what goes wrong').choices([...names, 'all']))
    .option('--fast', 'a copy of the rules with all durations divided by twenty: minutes instead of half an hour')
    .option('--keep', 'keep the folder with logs, data and configuration')
    .addHelpText(
      'after',
      `
Scenarios:
${list}
  all            one after the other

It starts PostgreSQL, Redis, a model, runtime, api, Prometheus and Alertmanager on free ports and in a folder of its
own, and stops them again; nothing that runs already is touched.
Exit code: 0 everything was seen in time, 1 something was not or it could not begin, 2 wrong command line.`
    )
    .action(async (name: string, { fast = false, keep = false }: DrillFlags) => {
      const tools = await stackTools()
      const scenarios = SCENARIOS.filter((scenario) => name === 'all' || scenario.name === name)
      const stopping = new AbortController()
      const stop = (): void => stopping.abort(new CliError('stopped'))
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
      const reports: DrillReport[] = []
      try {
        for (const scenario of scenarios) {
          const options = { fast, keep, say: (line: string) => cli.note(`${line}\n`), signal: stopping.signal }
          reports.push(await runDrill(tools, scenario, options))
        }
      } catch (error) {
        // What was under way when somebody stopped it fails in many ways, of which none is the reason.
        throw stopping.signal.aborted ? stopping.signal.reason : error
      } finally {
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop)
      }
      cli.result(name === 'all' ? reports : reports[0], `${reports.map(printReport).join('\n')}`)
      const failed = reports.filter(({ passed }) => !passed)
      if (failed.length > 0)
        throw new CliError(`not as it should be: ${failed.map(({ scenario }) => scenario).join(', ')}`)
    })
}

/** The report for people: every sighting with its time, then what was wrong. */
function printReport(report: DrillReport): string {
  const pace = report.fast ? ', rules at twenty times their speed' : ''
  const lines = [
    `${report.passed ? 'PASSED' : 'FAILED'}  ${report.scenario}  ${report.title}  (${seconds(report.durationMs)}${pace})`
  ]
  for (const { name, act, seen } of report.phases) {
    lines.push(`  ${name}: ${act}`)
    for (const { view, what, afterMs, withinMs } of seen) {
      const time = afterMs === null ? 'never' : seconds(afterMs)
      lines.push(`    ${time.padStart(8)} of ${seconds(withinMs).padStart(8)}  ${view.padEnd(8)}  ${what}`)
    }
  }
  lines.push(`  ${describeChats(report)}`)
  for (const text of report.notWatched) lines.push(`  note: ${text}`)
  for (const text of report.findings) lines.push(`  WRONG: ${text}`)
  return `${lines.join('\n')}\n`
}
