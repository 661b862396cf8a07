import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { REPOSITORY_ROOT } from '../paths.ts'
import { runCli } from '../stack/run-cli.ts'
import { requiredVariable, type TestScope } from './scope.ts'

/** The migrated database that every test database is copied from. */
export const TEMPLATE_DATABASE = 'semibot_template'

// Advisory lock: shared while copying the template, exclusive while building it.
const TEMPLATE_LOCK = 7_315_004_201

/**
 * Makes a database for one test file on the server of TEST_DATABASE_URL and resolves with its URL; it is dropped at
 * teardown, whoever is still connected. `migrated` (default true): a copy of `semibot_template`, which is made here
 * by `semibot db migrate` when it is missing or older than the sources of packages/db; false: an empty database.
 * Throws when TEST_DATABASE_URL is not set, when the server cannot be reached or when the migration fails.
 */
export async function createTestDatabase(t: TestScope, options: { migrated?: boolean } = {}): Promise<string> {
  const { migrated = true } = options
  const serverUrl = testServerUrl()
  const name = `semibot_test_${process.pid}_${randomBytes(5).toString('hex')}`
  if (migrated) await ensureTemplateDatabase(serverUrl)
  await withClient(serverUrl, async (client) => {
    if (!migrated) return void (await client.query(`create database ${name} template template0`))
    await client.query('select pg_advisory_lock_shared($1)', [TEMPLATE_LOCK])
    await client.query(`create database ${name} template ${TEMPLATE_DATABASE} strategy file_copy`)
  })
  t.teardown(() => withClient(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`)))
  return withDatabase(serverUrl, name)
}

/** Makes `semibot_template` on the given server unless it is there and up to date. Safe to call from many processes. */
export async function ensureTemplateDatabase(serverUrl: string): Promise<void> {
  const wanted = migrationsHash()
  await withClient(serverUrl, async (client) => {
    if ((await templateHash(client)) === wanted) return
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK])
    if ((await templateHash(client)) === wanted) return
    await client.query(`drop database if exists ${TEMPLATE_DATABASE} with (force)`)
    const draft = `${TEMPLATE_DATABASE}_${randomBytes(5).toString('hex')}`
    await client.query(`create database ${draft}`)
    try {
      await runCli(['db', 'migrate'], { ...process.env, DATABASE_URL: withDatabase(serverUrl, draft) })
      await client.query(`comment on database ${draft} is '${wanted}'`)
      await client.query(`alter database ${draft} rename to ${TEMPLATE_DATABASE}`)
    } catch (error) {
      await client.query(`drop database if exists ${draft} with (force)`)
      throw error
    }
  })
}

function testServerUrl(): string {
  return requiredVariable('TEST_DATABASE_URL', 'postgres://postgres:postgres@127.0.0.1:5432/postgres')
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'semibot-test'
  })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

async function templateHash(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ hash: string | null }>(
    "select shobj_description(oid, 'pg_database') as hash from pg_database where datname = $1",
    [TEMPLATE_DATABASE]
  )
  return rows[0]?.hash ?? undefined
}

/** The migrations may use anything in packages/db, so a change of any of its files makes a new template. */
function migrationsHash(): string {
  const hash = createHash('sha256')
  const folder = join(REPOSITORY_ROOT, 'packages/db')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => /^(src|migrations)\/.*\.(ts|sql)$/.test(name)).sort()) {
    hash.update(`${file}\0`).update(readFileSync(join(folder, file)))
  }
  return `sha256:${hash.digest('hex')}`
}
