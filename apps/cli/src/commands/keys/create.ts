import { createApiKey } from '@semibot/db'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Cli } from '../../cli.ts'
import { requireOrg } from '../../find-org.ts'
import { withDatabase } from '../../with-database.ts'

function parseName(text: string): string {
  const name = text.trim()
  if (name.length > 0 && name.length <= 100 && !/\p{Cc}/u.test(name)) return name
  throw new InvalidArgumentError('Expected 1 to 100 characters without control characters.')
}

/** `semibot keys create <org>`: the key alone is on standard output, so that a script can take it. */
export function keysCreateCommand(cli: Cli): Command {
  const role = new Option('--role <role>', 'admin may edit agents, member may only chat')
  return new Command('create')
    .description('create an API key and print it; it cannot be shown again')
    .argument('<org>', 'id or slug of the organisation')
    .option('--name <name>', 'what the key is for', parseName, 'cli')
    .addOption(role.choices(['admin', 'member']).default('member'))
    .action(async (idOrSlug: string, options: { name: string; role: 'admin' | 'member' }) => {
      await withDatabase(cli, async ({ db }) => {
        const org = await requireOrg(db, idOrSlug)
        const key = await createApiKey(db, org.id, options)
        cli.result({ ...key, orgId: org.id, orgSlug: org.slug }, `${key.key}\n`)
        cli.note(`Key ${key.id} of ${org.slug}, role ${key.role}. It is shown only now: only its hash is stored.\n`)
      })
    })
}
