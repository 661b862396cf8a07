import pg from 'pg'
import t from 'tap'
import { createTestDatabase, ensureTemplateDatabase, TEMPLATE_DATABASE } from '../src/test.ts'

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const server = process.env.TEST_DATABASE_URL ?? ''
const databases = async (): Promise<unknown[]> =>
  (await query(server, 'select datname from pg_database')).map((row) => row.datname)

t.test('each test has a migrated database of its own, which is dropped though it is in use', async (t) => {
  const urls: string[] = []
  const left = new pg.Client({ connectionString: server })
  await t.test('inside', async (t) => {
    urls.push(...(await Promise.all([createTestDatabase(t), createTestDatabase(t), createTestDatabase(t)])))
    t.equal(new Set(urls).size, 3)
    const tables = await query(
      urls[0] as string,
      "select table_name from information_schema.tables where table_name in ('messages', 'executions')"
    )
    t.equal(tables.length, 2)
    await query(urls[0] as string, 'create table mine ()')
    await t.rejects(query(urls[1] as string, 'select * from mine'), { code: '42P01' })
    Object.assign(left, new pg.Client({ connectionString: urls[2] as string }))
    left.on('error', () => {})
    await left.connect()
  })
  const names = urls.map((url) => new URL(url).pathname.slice(1))
  const there = await databases()
  t.notOk(names.some((name) => there.includes(name)))
})

t.test('a database without migrations is empty', async (t) => {
  const url = await createTestDatabase(t, { migrated: false })
  t.same(await query(url, "select 1 from information_schema.tables where table_schema = 'public'"), [])
})

t.test('the template is kept while it is up to date, whoever asks', async (t) => {
  await ensureTemplateDatabase(server)
  const oid = `select oid from pg_database where datname = '${TEMPLATE_DATABASE}'`
  const before = await query(server, oid)
  await Promise.all([1, 2, 3].map(() => ensureTemplateDatabase(server)))
  t.same(await query(server, oid), before)
})

t.test('without TEST_DATABASE_URL the error says what to do', async (t) => {
  delete process.env.TEST_DATABASE_URL
  t.teardown(() => {
    process.env.TEST_DATABASE_URL = server
  })
  await t.rejects(createTestDatabase(t), { message: /^TEST_DATABASE_URL is not set: run the tests through "npm test"/ })
})
