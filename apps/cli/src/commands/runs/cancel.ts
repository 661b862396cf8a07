import { cancelRun } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { withDatabase } from '../../with-database.ts'
import { noSuchRun, requireId } from './run-id.ts'

/** `semibot runs cancel <id>` */
export function runsCancelCommand(cli: Cli): Command {
  return new Command('cancel')
    .description('end a durable execution, whichever process has it')
    .argument('<id>', 'id of the execution')
    .action(async (id: string) => {
      requireId(id)
      await withDatabase(cli, async ({ db }) => {
        const status = (await cancelRun(db, id)) ?? noSuchRun(id)
        cli.result({ executionId: id, status }, `${id} is ${status}.\n`)
      })
    })
}
