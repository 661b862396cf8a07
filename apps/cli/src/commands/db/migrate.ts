import { maskPassword } from '@semibot/config'
import { migrateToLatest } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { chooseDatabase } from '../../database-url.ts'
import { namingTheServer } from '../../with-database.ts'

/** `semibot db migrate` */
export function dbMigrateCommand(cli: Cli): Command {
  return new Command('migrate')
    .description('bring the schema up to date; several at the same time wait for each other')
    .action(async () => {
      const database = chooseDatabase(cli)
      try {
        const applied = await migrateToLatest(database.url, (message) => cli.note(`${message}\n`))
        const summary = applied.length === 0 ? 'The schema was up to date.' : `Migrations done: ${applied.length}.`
        cli.result({ database: maskPassword(database.url), applied }, `${summary}\n`)
      } catch (error) {
        throw namingTheServer(error, database)
      }
    })
}
