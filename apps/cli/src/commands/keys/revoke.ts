import { revokeApiKey } from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { CliError } from '../../failure.ts'
import { requireOrg } from '../../find-org.ts'
import { withDatabase } from '../../with-database.ts'

/** `semibot keys revoke <org> <keyId>` */
export function keysRevokeCommand(cli: Cli): Command {
  return new Command('revoke')
    .description('end an API key for good')
    .argument('<org>', 'id or slug of the organisation')
    .argument('<keyId>', 'id of the key: the part between sb_ and the next _')
    .action(async (idOrSlug: string, text: string) => {
      // Whoever pastes a whole key means its id; the secret is not repeated anywhere.
      const keyId = /^sb_([^_]+)/.exec(text)?.[1] ?? text
      await withDatabase(cli, async ({ db }) => {
        const org = await requireOrg(db, idOrSlug)
        if (!(await revokeApiKey(db, org.id, keyId))) {
          throw new CliError(
            `${org.slug} has no active key ${JSON.stringify(keyId)}; semibot keys list ${org.slug} shows all`
          )
        }
        cli.result({ keyId, orgId: org.id, revoked: true }, `Revoked key ${keyId} of ${org.slug}.\n`)
      })
    })
}
