import { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { runChecks } from '../doctor/run-checks.ts'
import { CliError } from '../failure.ts'

const WORDS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const

/** `semibot doctor`: exit code 1 when a check fails. */
export function doctorCommand(cli: Cli): Command {
  return new Command('doctor')
    .description(
      'check configuration, stores, services, fallback, errors, latency and machine, and say the next step of each'
    )
    .action(async () => {
      const findings = await runChecks(cli)
      const lines = findings.map(({ state, check, message, advice }) => {
        const todo = advice === undefined ? '' : `\n        do: ${advice}`
        return `${WORDS[state]}  ${check}: ${message}${todo}`
      })
      const failed = findings.filter(({ state }) => state === 'fail').length
      cli.result({ ok: failed === 0, findings }, `${lines.join('\n')}\n`)
      if (failed > 0) throw new CliError(`${failed} of ${findings.length} checks failed`)
    })
}
