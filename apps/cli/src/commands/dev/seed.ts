import {
  AlreadyExistsError,
  createApiKey,
  createOrganization,
  findApiKeyByHash,
  findOrganization,
  hashApiKey,
  isApiKey,
  type Organization
} from '@semibot/db'
import { Command } from 'commander'
import type { Cli } from '../../cli.ts'
import { CliError } from '../../failure.ts'
import { type OpenDatabase, withDatabase } from '../../with-database.ts'

type Db = OpenDatabase['db']

async function ensureOrg(db: Db, slug: string, name: string): Promise<Organization> {
  const found = await findOrganization(db, slug)
  if (found !== undefined) return found
  try {
    return await createOrganization(db, { slug, name })
  } catch (error) {
    // Another start made it in the meantime.
    const made = error instanceof AlreadyExistsError ? await findOrganization(db, slug) : undefined
    if (made === undefined) throw error
    return made
  }
}

/** The given key if the organisation has it; a given one that nobody has is stored; else a new one. */
async function ensureKey(db: Db, orgId: string, given: string | undefined): Promise<string> {
  const options = { name: 'development', role: 'admin' } as const
  if (given !== undefined && isApiKey(given)) {
    if ((await findApiKeyByHash(db, hashApiKey(given)))?.orgId === orgId) return given
    try {
      return (await createApiKey(db, orgId, { ...options, key: given })).key
    } catch (error) {
      // Revoked, or another organisation's: it must not come back to life.
      if (!(error instanceof AlreadyExistsError)) throw error
    }
  }
  return (await createApiKey(db, orgId, options)).key
}

async function seed(db: Db, slug: string, name: string, given: string | undefined) {
  const org = await ensureOrg(db, slug, name)
  return { id: org.id, slug, apiKey: await ensureKey(db, org.id, given) }
}

/** `semibot dev seed`: always JSON, for `npm start`. */
export function devSeedCommand(cli: Cli): Command {
  return new Command('seed')
    .description('two organisations, dev-runtime and dev-direct, with an admin key each; prints JSON')
    .addHelpText(
      'after',
      '\nSEMIBOT_DEV_KEY and SEMIBOT_DEV_KEY_DIRECT hold the keys of an earlier call, to keep them.'
    )
    .action(async () => {
      await withDatabase(cli, async ({ db, env }) => {
        if (env.NODE_ENV === 'production')
          throw new CliError('dev seed makes known organisations; it is off in production')
        const { SEMIBOT_DEV_KEY, SEMIBOT_DEV_KEY_DIRECT } = cli.environment
        const result = {
          runtimeOrg: await seed(db, 'dev-runtime', 'Development, with the runtime', SEMIBOT_DEV_KEY),
          directOrg: await seed(db, 'dev-direct', 'Development, direct', SEMIBOT_DEV_KEY_DIRECT)
        }
        cli.print(`${JSON.stringify(result, null, 2)}\n`)
      })
    })
}
