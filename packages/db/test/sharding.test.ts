import { sql } from 'kysely'
import t from 'tap'
import { openTestDatabase } from './helpers/test-database.ts'

// What docs/database.md promises to whoever shards by organisation one day.

const { db } = await openTestDatabase(t)

/** Tables that belong to no organisation: the directory itself, operators' orders, processes and the journal's own. */
const OWNERLESS = ['fallback_events', 'organizations', 'runtime_leases', 'service_instances']
/** Unique beyond an organisation, for what is found before the organisation is known: a key, a durable run by its id. */
const DIRECTORY = ['api_keys_key_hash_key', 'durable_executions_id_key']

interface UniqueIndex {
  table: string
  index: string
  primary: boolean
  columns: string[]
}

const { rows: uniques } = await sql<UniqueIndex>`
  select c.relname as table, x.relname as index, i.indisprimary as primary,
    array(select a.attname::text from unnest(i.indkey) with ordinality k(attnum, place)
      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum order by place) as columns
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and i.indisunique and c.relname not like 'kysely_%' and not c.relispartition
  order by 1, 2`.execute(db)

t.test('every table but those of nobody has its rows under an organisation', async (t) => {
  const { rows } = await sql<{ table: string }>`
    select c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and c.relname not like 'kysely_%'
    order by 1`.execute(db)
  t.ok(rows.length > 10)
  const ownerless = rows.map(({ table }) => table).filter((table) => OWNERLESS.includes(table))
  t.strictSame(ownerless, OWNERLESS)
  for (const { table } of rows) {
    if (OWNERLESS.includes(table)) continue
    const primary = uniques.find((unique) => unique.table === table && unique.primary)
    t.equal(primary?.columns[0], 'org_id', `the primary key of ${table} begins with the organisation`)
  }
})

t.test('nothing is unique beyond an organisation but what a directory needs', async (t) => {
  const beyond = uniques.filter(({ table, columns }) => !OWNERLESS.includes(table) && columns[0] !== 'org_id')
  t.strictSame(
    beyond.map(({ index }) => index),
    DIRECTORY
  )
})

t.test('no row points into another organisation, and no number is given out by the database', async (t) => {
  const { rows } = await sql`
    select conname as name from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
    union all select relname from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace`.execute(db)
  t.strictSame(rows, [])
})
