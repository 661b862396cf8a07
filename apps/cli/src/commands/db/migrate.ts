import { maskPassword } from '@semibot/config'
import { migrateToLatest } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { chooseDatabase } from '../../database-url.ts'
import { wholeNumber } from '../../numbers.ts'
import { namingTheServer } from '../../with-database.ts'

/** `semibot db migrate` */
export function dbMigrateCommand(cli: Cli): Command {
  return new Command('migrate')
    .description('bring the schema up to date; several at the same time wait for each other')
    .option('--lock-wait <seconds>', 'how long to try while others hold a table', wholeNumber(0, 3600), 60)
    .action(async ({ lockWait }: { lockWait: number }) => {
      const database = chooseDatabase(cli)
      try {
        const applied = await migrateToLatest(database.url, {
          onProgress: (message) => cli.note(`${message}\n`),
          giveUpMs: lockWait * 1000
        })
        const summary = applied.length === 0 ? 'The schema was up to date.' : `Migrations done: ${applied.length}.`
        cli.result({ database: maskPassword(database.url), applied }, `${summary}\n`)
      } catch (error) {
        throw namingTheServer(error, database)
      }
    })
}
