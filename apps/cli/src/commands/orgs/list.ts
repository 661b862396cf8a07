import { listOrganizations, type Organization } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { wholeNumber } from '../../numbers.ts'
import { renderTable, showTime } from '../../table.ts'
import { type OpenDatabase, withDatabase } from '../../with-database.ts'

const PAGE = 100

async function readOrgs(db: OpenDatabase['db'], limit: number): Promise<Organization[]> {
  const orgs: Organization[] = []
  let cursor: string | undefined
  do {
    const page = await listOrganizations(db, { limit: Math.min(PAGE, limit - orgs.length), cursor })
    orgs.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined && orgs.length < limit)
  return orgs
}

/** `semibot orgs list` */
export function orgsListCommand(cli: Cli): Command {
  return new Command('list')
    .description('organisations, newest first')
    .option('--limit <number>', 'at most this many', wholeNumber(1, 100_000), 1000)
    .action(async ({ limit }: { limit: number }) => {
      await withDatabase(cli, async ({ db }) => {
        const orgs = await readOrgs(db, limit)
        const rows = orgs.map((org) => [
          org.slug,
          org.id,
          org.name,
          org.isActive ? 'active' : 'inactive',
          showTime(org.createdAt)
        ])
        const nothing = 'There is no organisation. Create one: semibot orgs create <slug>'
        cli.result(orgs, renderTable(['SLUG', 'ID', 'NAME', 'STATE', 'CREATED'], rows, nothing))
      })
    })
}
