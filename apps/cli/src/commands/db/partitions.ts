import { countDefaultRows, ensurePartitions, listPartitions, PARTITION_MONTHS_AHEAD } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { wholeNumber } from '../../numbers.ts'
import { renderTable } from '../../table.ts'
import { type OpenDatabase, withDatabase } from '../../with-database.ts'

/** Months, as 2026-11, that should have a partition and have none. */
async function missingMonths(db: OpenDatabase['db'], monthsAhead: number, now: Date): Promise<string[]> {
  const there = new Set((await listPartitions(db)).map(({ from }) => from.toISOString().slice(0, 7)))
  const wanted = Array.from({ length: monthsAhead + 1 }, (_unused, ahead) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)).toISOString().slice(0, 7)
  )
  return wanted.filter((month) => !there.has(month))
}

interface Upkeep {
  /** Names of the partitions made now. */
  created: string[]
  /** Months without a partition, as 2026-11. */
  missing: string[]
  /** Messages outside every month's partition. */
  defaultRows: number
}

async function upkeep(db: OpenDatabase['db'], monthsAhead: number, dryRun: boolean): Promise<Upkeep> {
  if (!dryRun) return { ...(await ensurePartitions(db, monthsAhead)), missing: [] }
  return {
    created: [],
    defaultRows: await countDefaultRows(db),
    missing: await missingMonths(db, monthsAhead, new Date())
  }
}

/** `semibot db partitions` */
export function dbPartitionsCommand(cli: Cli): Command {
  return new Command('partitions')
    .description('make the monthly partitions of messages that are missing, and list all')
    .option('--months-ahead <months>', 'months after this one', wholeNumber(0, 24), PARTITION_MONTHS_AHEAD)
    .option('--dry-run', 'only say which are missing', false)
    .action(async ({ monthsAhead, dryRun }: { monthsAhead: number; dryRun: boolean }) => {
      await withDatabase(cli, async ({ db }) => {
        const { created, defaultRows, missing } = await upkeep(db, monthsAhead, dryRun)
        const partitions = await listPartitions(db)
        const rows = partitions.map(({ name, from, to }) => [
          name,
          from.toISOString().slice(0, 10),
          to.toISOString().slice(0, 10),
          created.includes(name) ? 'made now' : 'was there'
        ])
        for (const month of missing) rows.push(['-', `${month}-01`, '-', 'missing'])
        const table = renderTable(['PARTITION', 'FROM', 'TO', 'STATE'], rows, 'There is no partition.')
        cli.result({ dryRun, created, missing, partitions, defaultRows }, table)
        if (defaultRows > 0)
          cli.note(`warning: ${defaultRows} messages are in no month's partition (messages_default)\n`)
      })
    })
}
