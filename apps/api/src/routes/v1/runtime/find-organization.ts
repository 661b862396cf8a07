import { type Database, findOrganization, type Organization } from '@semibot/db'
import { RequestError } from '@semibot/service-kit'
import type { Kysely } from 'kysely'

/** @throws RequestError NOT_FOUND when there is no organisation with this id or slug */
export async function findOrganizationOrThrow(db: Kysely<Database>, idOrSlug: string): Promise<Organization> {
  const organization = await findOrganization(db, idOrSlug)
  if (organization !== undefined) return organization
  throw new RequestError('NOT_FOUND', 'There is no organisation with this id or slug; `semibot orgs list` lists them.')
}
