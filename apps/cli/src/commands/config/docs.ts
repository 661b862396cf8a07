import { describeKeys, renderKeyTable } from '@semibot/config'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { CliError, EXIT_USAGE } from '../../failure.ts'

/** `semibot config docs [keys...]` */
export function configDocsCommand(cli: Cli): Command {
  return new Command('docs')
    .description('a Markdown table of all keys, or of the given ones in their order')
    .argument('[keys...]', 'names of keys')
    .action((keys: string[]) => {
      const known = describeKeys()
      const unknown = keys.filter((name) => !known.some(({ key }) => key === name))
      if (unknown.length > 0) throw new CliError(`unknown key ${unknown.join(', ')}`, EXIT_USAGE)
      const chosen = keys.length === 0 ? known : keys.map((name) => known.find(({ key }) => key === name))
      cli.result(chosen, renderKeyTable(keys.length === 0 ? undefined : keys))
    })
}
