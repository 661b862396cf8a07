import { maskPassword } from '@semibot/config'
import { migrationStatus } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { CliError } from '../../failure.ts'
import { renderTable, showTime } from '../../table.ts'
import { withDatabase } from '../../with-database.ts'

/** `semibot db status`: fails when a migration is missing. */
export function dbStatusCommand(cli: Cli): Command {
  return new Command('status')
    .description('which migrations have run; exit code 1 when one is missing')
    .action(async () => {
      const inspect = async ({
        db,
        url,
        from
      }: {
        db: Parameters<typeof migrationStatus>[0]
        url: string
        from: string
      }) => {
        const migrations = await migrationStatus(db)
        const pending = migrations.filter(({ executedAt }) => executedAt === null).length
        const rows = migrations.map(({ name, executedAt }) => [
          name,
          executedAt === null ? 'missing' : showTime(executedAt)
        ])
        const database = maskPassword(url)
        const table = renderTable(['MIGRATION', 'RUN AT'], rows, 'There are no migrations.')
        cli.result({ database, from, migrations, pending }, `${database} (${from})\n\n${table}`)
        if (pending > 0)
          throw new CliError(`${pending} of ${migrations.length} migrations are missing; run: semibot db migrate`)
      }
      await withDatabase(cli, inspect, { migrated: false })
    })
}
