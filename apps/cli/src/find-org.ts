import { type DatabaseHandle, findOrganization, type Organization } from '@semibot/db'
import { CliError } from './failure.ts'

/** The organisation of an id or a slug. Throws CliError when there is none. */
export async function requireOrg(db: DatabaseHandle['db'], idOrSlug: string): Promise<Organization> {
  const org = await findOrganization(db, idOrSlug)
  if (org === undefined)
    throw new CliError(`there is no organisation ${JSON.stringify(idOrSlug)}; semibot orgs list shows all`)
  return org
}
