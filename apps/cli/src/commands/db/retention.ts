import { type RetentionReport, retention } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { CliError } from '../../failure.ts'
import { wholeNumber } from '../../numbers.ts'
import { renderTable } from '../../table.ts'
import { withDatabase } from '../../with-database.ts'

function render(report: RetentionReport): string {
  const { cutoff, dryRun, droppedPartitions, deleted } = report
  const rows = [
    ['months of messages', String(droppedPartitions.length), droppedPartitions.join(', ')],
    ['single messages', String(deleted.messages), ''],
    ['executions', String(deleted.executions), ''],
    ['tool calls', String(deleted.toolCalls), ''],
    ['steps of runs', String(deleted.executionSteps), ''],
    ['deleted sessions', String(deleted.sessions), ''],
    ['idempotency keys', String(deleted.idempotencyKeys), '']
  ]
  const title = `${dryRun ? 'Would remove' : 'Removed'} what is older than ${cutoff.toISOString()}:\n\n`
  return title + renderTable(['WHAT', dryRun ? 'WOULD GO' : 'GONE', 'WHICH'], rows, '')
}

/** `semibot db retention` */
export function dbRetentionCommand(cli: Cli): Command {
  return new Command('retention')
    .description('remove old messages and what belongs to them: whole months at once, the rest in batches')
    .option('--days <days>', 'age in days (default: MESSAGE_RETENTION_DAYS)', wholeNumber(1, 36_500))
    .option('--batch <rows>', 'rows per transaction', wholeNumber(1, 100_000), 5000)
    .option('--dry-run', 'only count', false)
    .action(async (options: { days?: number; batch: number; dryRun: boolean }) => {
      await withDatabase(cli, async ({ db, env }) => {
        const days = options.days ?? env.MESSAGE_RETENTION_DAYS
        if (days === 0) {
          cli.result(
            { ran: false, days },
            'MESSAGE_RETENTION_DAYS is 0: messages are kept for ever. Nothing was done.\n'
          )
          return
        }
        const report = await retention(db, { days, dryRun: options.dryRun, batch: options.batch })
        if (!report.ran) throw new CliError('another process is at it already; nothing was done')
        cli.result({ days, ...report }, render(report))
        for (const name of report.blockedPartitions)
          cli.note(`warning: ${name} is in use and stays; run this again later\n`)
      })
    })
}
