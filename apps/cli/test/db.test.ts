import { createDatabase } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import { sql } from 'kysely'
import t from 'tap'
import { json, semibot, semibotHere } from './fixtures/semibot.ts'

const ORG = '01a202b6-de2b-7782-8a32-85ffa6c8fab2'
const SESSION = '01a202b6-de2b-7782-8a32-85ffa6c8fab3'

t.test('an empty database is migrated, once, and says where it stands before and after', async (t) => {
  const url = await createTestDatabase(t, { migrated: false })
  const env = { DATABASE_URL: url }
  const before = await semibot(['db', 'status'], env)
  t.match(before, {
    code: 1,
    stdout: /0001_tables +missing/,
    stderr: /migrations are missing; run: semibot db migrate\n$/
  })
  const early = await semibotHere(['orgs', 'list'], env)
  t.match(early, { code: 1, stderr: 'semibot: the database is not migrated; run: semibot db migrate\n' })

  const both = await Promise.all([semibot(['db', 'migrate', '--json'], env), semibot(['db', 'migrate', '--json'], env)])
  const applied = both.flatMap((outcome) => json<{ applied: string[] }>(outcome).applied)
  t.same(
    both.map(({ code }) => code),
    [0, 0],
    'two at the same time wait for each other'
  )
  t.ok(applied.length > 0)
  t.equal(new Set(applied).size, applied.length, 'no migration ran twice')

  t.match(await semibotHere(['db', 'migrate'], env), { code: 0, stdout: 'The schema was up to date.\n' })
  const status = await semibotHere(['db', 'status', '--json'], env)
  t.match(json(status), { pending: 0, from: 'DATABASE_URL, environment' })
  t.equal(status.code, 0)
  const password = new URL(url).password
  t.notOk(status.stdout.includes(`:${password}@`), 'the password is masked')
})

t.test('partitions: a dry run names the missing months, a run makes them', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t) }
  interface Report {
    created: string[]
    missing: string[]
    partitions: { name: string }[]
  }
  const partitions = async (...args: string[]) =>
    json<Report>(await semibotHere(['db', 'partitions', '--json', ...args], env))
  const dry = await partitions('--months-ahead', '6', '--dry-run')
  t.equal(dry.missing.length, 3, 'three months are made in advance')
  t.same(dry.created, [])
  const run = await partitions('--months-ahead', '6')
  t.same(
    run.created,
    dry.missing.map((month) => `messages_${month.replace('-', '_')}`)
  )
  t.equal(run.partitions.length, dry.partitions.length + 3)
  const table = await semibot(['db', 'partitions', '--months-ahead', '7', '--dry-run'], env)
  t.match(
    table.stdout,
    /^PARTITION +FROM +TO +STATE\nmessages_\d{4}_\d{2} .* was there\n[\s\S]*\n- +\d{4}-\d{2}-01 +- +missing\n$/
  )
})

t.test(
  'retention: a dry run counts, a run deletes that and no more, and days can come from the configuration',
  async (t) => {
    const url = await createTestDatabase(t)
    const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
    t.teardown(close)
    for (const age of [100, 100, 2, 0]) {
      await sql`
      insert into messages (org_id, id, session_id, seq, role, content, status, created_at)
      values (${ORG}, gen_random_uuid(), ${SESSION}, 1, 'user', 'x', 'complete', now() - make_interval(days => ${age}))
    `.execute(db)
    }
    const count = async () =>
      (await sql<{ count: number }>`select count(*) as count from messages`.execute(db)).rows[0]?.count
    const env = { DATABASE_URL: url, MESSAGE_RETENTION_DAYS: '50' }

    const dry = await semibot(['db', 'retention', '--dry-run', '--json'], env)
    t.match(json(dry), { days: 50, dryRun: true, deleted: { messages: 2 } })
    t.equal(await count(), 4)
    t.match(
      (await semibotHere(['db', 'retention', '--dry-run'], env)).stdout,
      /^Would remove [\s\S]*single messages +2\n/
    )

    t.match(json(await semibot(['db', 'retention', '--json'], env)), { days: 50, deleted: { messages: 2 } })
    t.equal(await count(), 2)
    t.match(
      (await semibotHere(['db', 'retention', '--days', '1', '--batch', '1'], env)).stdout,
      /^Removed [\s\S]*single messages +1\n/
    )
    t.equal(await count(), 1)

    const off = await semibotHere(['db', 'retention'], { ...env, MESSAGE_RETENTION_DAYS: '0' })
    t.match(off, { code: 0, stdout: /kept for ever/ })
    t.equal(await count(), 1)
  }
)

t.test('retention gives way to one that is running', async (t) => {
  const url = await createTestDatabase(t)
  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
  t.teardown(close)
  await db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(hashtextextended('semibot retention', 0))`.execute(connection)
    const outcome = await semibotHere(['db', 'retention'], { DATABASE_URL: url })
    t.match(outcome, { code: 1, stderr: 'semibot: another process is at it already; nothing was done\n' })
  })
})

t.test('a month that somebody has in use stays, with a warning', async (t) => {
  const url = await createTestDatabase(t)
  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
  t.teardown(close)
  await sql`create table messages_2020_01 partition of messages for values from ('2020-01-01') to ('2020-02-01')`.execute(
    db
  )
  await db.transaction().execute(async (transaction) => {
    await sql`select count(*) from messages`.execute(transaction)
    const outcome = await semibotHere(['db', 'retention'], { DATABASE_URL: url })
    t.match(outcome, { code: 0, stderr: 'warning: messages_2020_01 is in use and stays; run this again later\n' })
  })
  t.match(
    (await semibotHere(['db', 'retention'], { DATABASE_URL: url })).stdout,
    /months of messages +1 +messages_2020_01\n/
  )
})
