import { listApiKeys } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { requireOrg } from '../../find-org.ts'
import { renderTable, showTime } from '../../table.ts'
import { withDatabase } from '../../with-database.ts'

/** `semibot keys list <org>` */
export function keysListCommand(cli: Cli): Command {
  return new Command('list')
    .description('API keys of an organisation, newest first, the revoked ones included')
    .argument('<org>', 'id or slug of the organisation')
    .action(async (idOrSlug: string) => {
      await withDatabase(cli, async ({ db }) => {
        const org = await requireOrg(db, idOrSlug)
        const keys = await listApiKeys(db, org.id)
        const rows = keys.map((key) => [
          key.id,
          key.name,
          key.role,
          showTime(key.createdAt),
          showTime(key.lastUsedAt),
          showTime(key.revokedAt)
        ])
        const nothing = `${org.slug} has no key. Create one: semibot keys create ${org.slug}`
        cli.result(keys, renderTable(['ID', 'NAME', 'ROLE', 'CREATED', 'LAST USED', 'REVOKED'], rows, nothing))
      })
    })
}
