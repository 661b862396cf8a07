import { ALL_GROUPS, ConfigError, describeKeys, type EnvInspection, inspectEnv, maskValue } from '@semibot/config'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { renderTable } from '../../table.ts'

interface ShownKey {
  key: string
  /** Masked; null when the key is not set. */
  value: string | null
  origin: string
  where: string
  ok: boolean
}

function show(inspection: EnvInspection): ShownKey[] {
  return describeKeys().map(({ key, secret }) => {
    const { value, text, origin, where, problem } = inspection.readings.get(key)!
    const ok = problem === undefined && !inspection.problems.some((other) => other.key === key)
    const effective = value === undefined ? text : Array.isArray(value) ? value.join(',') : String(value)
    // Of a bad value only what its problem shows is safe: nobody knows which part of it is the secret.
    const shown = problem?.shownValue ?? (effective === undefined ? null : maskValue(effective, secret))
    return { key, value: shown, origin, where, ok }
  })
}

function cell({ value, ok }: ShownKey): string {
  const shown = value === null ? '(unset)' : value === '' ? '(empty)' : value.replace(/\p{Cc}/gu, '?')
  return ok ? shown : `${shown}  <- bad`
}

/** `semibot config show`: fails when a key is bad. */
export function configShowCommand(cli: Cli): Command {
  return new Command('show')
    .description('every effective value of a service started here, and where it came from; secrets are masked')
    .option('--changed', 'only what is not the default')
    .action(({ changed = false }: { changed?: boolean }) => {
      const inspection = inspectEnv(ALL_GROUPS, { environment: cli.environment, directory: cli.directory })
      const { file, problems, warnings } = inspection
      const keys = show(inspection).filter(({ origin, ok }) => !changed || origin !== 'default' || !ok)
      const table = renderTable(
        ['KEY', 'VALUE', 'FROM'],
        keys.map((key) => [key.key, cell(key), key.where]),
        'Every key has its default.'
      )
      const heading = `File: ${file.path}${file.found ? '' : ' (there is none)'}\n\n`
      cli.result({ file, keys, problems, warnings }, heading + table)
      if (!cli.json) for (const warning of warnings) cli.note(`warning: ${warning}\n`)
      if (problems.length > 0) throw new ConfigError(problems)
    })
}
