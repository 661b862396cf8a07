import { createOrganization } from '@semibot/db'
import { Command, InvalidArgumentError } from 'commander'
import type { Cli } from '../../cli.ts'
import { withDatabase } from '../../with-database.ts'

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

function parseSlug(text: string): string {
  // A slug in the form of an id could never be found: a look-up takes it for an id.
  if (SLUG.test(text) && !UUID.test(text)) return text
  throw new InvalidArgumentError('Expected 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or a digit.')
}

function parseName(text: string): string {
  const name = text.trim()
  if (name.length > 0 && name.length <= 200 && !/\p{Cc}/u.test(name)) return name
  throw new InvalidArgumentError('Expected 1 to 200 characters without control characters.')
}

/** `semibot orgs create <slug>` */
export function orgsCreateCommand(cli: Cli): Command {
  return new Command('create')
    .description('create an organisation with its agents default and assistant')
    .argument('<slug>', 'short unique name, such as acme', parseSlug)
    .option('--name <name>', 'name for people (default: the slug)', parseName)
    .action(async (slug: string, { name = slug }: { name?: string }) => {
      await withDatabase(cli, async ({ db }) => {
        const org = await createOrganization(db, { slug, name })
        cli.result(org, `${org.id}\n`)
        if (!cli.json) cli.note(`Created ${slug}. Next: semibot keys create ${slug}\n`)
      })
    })
}
