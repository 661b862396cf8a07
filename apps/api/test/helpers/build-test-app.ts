import { createApiKey, createOrganization, type Database } from '@semibot/db'
import { createLogger, type Server } from '@semibot/service-kit'
import { createTestDatabase } from '@semibot/stack/test'
import type { Kysely } from 'kysely'
import { buildApp } from '../../src/app.ts'
import { bearer } from './bearer.ts'
import { testEnv } from './test-env.ts'
import type { TestScope } from './test-scope.ts'

/** An organisation of a test, with a key of each role. */
export interface TestOrganization {
  id: string
  slug: string
  admin: { id: string; key: string; headers: { authorization: string } }
  member: { id: string; key: string; headers: { authorization: string } }
}

export interface TestApp {
  app: Server
  databaseUrl: string
  createOrganization(slug: string): Promise<TestOrganization>
}

/**
 * The whole api on a database of its own, not listening yet; it is closed at teardown. `environment` is
 * added to the one of test-env.ts.
 */
export async function buildTestApp(t: TestScope, environment: Record<string, string> = {}): Promise<TestApp> {
  const databaseUrl = environment.DATABASE_URL ?? (await createTestDatabase(t))
  const env = testEnv({ ...environment, DATABASE_URL: databaseUrl })
  const logger = createLogger({ name: 'api', level: env.LOG_LEVEL })
  const app = await buildApp({ env, logger, version: '0.0.0-test' })
  t.teardown(() => app.close())
  await app.ready()
  return { app, databaseUrl, createOrganization: (slug) => createTestOrganization(app.db, slug) }
}

export async function createTestOrganization(db: Kysely<Database>, slug: string): Promise<TestOrganization> {
  const { id } = await createOrganization(db, { slug, name: slug })
  const create = async (role: 'admin' | 'member') => {
    const created = await createApiKey(db, id, { name: role, role })
    return { id: created.id, key: created.key, headers: bearer(created.key) }
  }
  return { id, slug, admin: await create('admin'), member: await create('member') }
}
