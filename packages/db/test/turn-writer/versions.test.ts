import fc from 'fast-check'
import type pg from 'pg'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import type { AcceptTurn, FinishTurn } from '../../src/index.ts'
import { acceptStatement } from '../../src/turn-writer/accept-statement.ts'
import { finishStatement } from '../../src/turn-writer/finish-statement.ts'
import { addOrganization, openTestDatabase } from '../helpers/test-database.ts'
import { endOf, newTurn } from '../helpers/turns.ts'

// The functions that write a batch with one statement for each table against those that go turn by turn, which are
// simple enough to be believed: the same batch, in the same database, has to leave the same rows and answers.
const database = await openTestDatabase(t)
const organization = await addOrganization(database)
const otherOrganization = await addOrganization(database)

interface SentStatement {
  name: string
  text: string
  values: unknown[]
}

/** Every row, without the times that the database's clock gave. */
const DUMP = `select
  (select json_agg(to_jsonb(s) - '{created_at,updated_at}'::text[] order by s.id) from sessions s) as sessions,
  (select json_agg(to_jsonb(m) order by m.id, m.seq) from messages m) as messages,
  (select json_agg(to_jsonb(e) - '{created_at,ended_at}'::text[] order by e.id) from executions e) as executions,
  (select json_agg(to_jsonb(k) - '{created_at,expires_at}'::text[] order by k.org_id, k.key) from idempotency_keys k) as keys`

/** Runs the work under both versions on what is there now; what the second one did stays. */
async function underBoth<Result>(client: pg.PoolClient, work: (pool: pg.Pool) => Promise<Result>) {
  const results: { result: Result; rows: unknown }[] = []
  const names: string[] = []
  for (const version of ['v1', 'v2']) {
    const query = (statement: SentStatement) => {
      names.push(statement.name)
      if (version === 'v2') return client.query({ ...statement, rowMode: 'array' })
      const text = statement.text.replace('_v2(', '_v1(')
      const values = statement.name.includes('accept') ? [...statement.values.slice(0, 2), false] : statement.values
      return client.query({ text, values, rowMode: 'array' })
    }
    const pool = { connect: async () => ({ query, release: () => {} }) } as unknown as pg.Pool
    await client.query('begin')
    const result = await work(pool)
    const { rows } = await client.query(DUMP)
    results.push({ result, rows })
    await client.query(version === 'v1' ? 'rollback' : 'commit')
  }
  return { byTurn: results[0], inSets: results[1], names }
}

const accept = fc.record({
  session: fc.constantFrom('new', 'ended', 'running', 'deleted', "another user's", 'unknown', "another organisation's"),
  key: fc.constantFrom(undefined, 'free', 'known', 'known with another request', 'expired'),
  ownAgent: fc.boolean(),
  historyLimit: fc.constantFrom(0, 1, 2, 20)
})

type Wanted = typeof accept extends fc.Arbitrary<infer Value> ? Value : never

/** A turn of the wanted kind, with what has to be there before it. */
async function prepare(wanted: Wanted, number: number): Promise<AcceptTurn> {
  const { pool } = database
  const batchPool = pool as pg.Pool
  const key = `key ${number} ${uuidv7()}`
  const before = newTurn(organization, { userId: uuidv7(), idempotency: { key, requestHash: 'first' } })
  await acceptStatement(batchPool, [before], true)
  if (wanted.session !== 'running') {
    await finishStatement(batchPool, [{ turn: endOf(before), token: uuidv7() }])
  }
  if (wanted.session === 'deleted') {
    await pool.query('update sessions set deleted_at = now() where id = $1', [before.sessionId])
  }
  if (wanted.key === 'expired') {
    await pool.query("update idempotency_keys set expires_at = now() - interval '1 s' where key = $1", [key])
  }
  const idempotency = {
    free: { key: `${key} free`, requestHash: 'first' },
    known: { key, requestHash: 'first' },
    'known with another request': { key, requestHash: 'second' },
    expired: { key, requestHash: 'second' }
  }
  const ids = { new: {}, unknown: { sessionId: uuidv7() } } as Record<string, Partial<AcceptTurn>>
  return newTurn(wanted.session === "another organisation's" ? otherOrganization : organization, {
    userScope: wanted.session === "another user's" ? uuidv7() : null,
    ...(ids[wanted.session] ?? { sessionId: before.sessionId }),
    ...(wanted.session !== 'new' && wanted.ownAgent ? { agentId: uuidv7() } : {}),
    historyLimit: wanted.historyLimit,
    idempotency: wanted.key && idempotency[wanted.key]
  })
}

const CHANGES: Record<string, () => Partial<FinishTurn>> = {
  whole: () => ({}),
  failed: () => ({ status: 'failed', messageStatus: 'partial', error: { code: 'INTERNAL', message: 'no' } }),
  'with another message': () => ({ messageId: uuidv7() }),
  unknown: () => ({ executionId: uuidv7() })
}
const finish = fc.record({
  which: fc.nat({ max: 3 }),
  kind: fc.constantFrom(...Object.keys(CHANGES)),
  again: fc.boolean()
})

t.test('batches of turns leave the same in sets as turn by turn', async (t) => {
  const seen = new Set<string>()
  const client = await database.pool.connect()
  t.teardown(() => client.release())
  const batches = fc.array(accept, { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(batches, fc.array(finish, { maxLength: 6 }), async (wanted, ends) => {
      const turns: AcceptTurn[] = []
      for (const [number, each] of wanted.entries()) turns.push(await prepare(each, number))
      const accepts = await underBoth(client, (pool) => acceptStatement(pool, turns, false))
      t.strictSame(accepts.names, ['semibot_accept_turns_v2', 'semibot_accept_turns_v2'])
      t.strictSame(accepts.inSets, accepts.byTurn)
      for (const { kind } of accepts.inSets?.result ?? []) seen.add(kind)

      const items = ends.map(({ which, kind, again }, number) => ({
        turn: endOf(turns[which % turns.length]!, { ...CHANGES[kind]?.(), content: `${number}` }),
        token: again ? '01900000-0000-7000-8000-000000000000' : uuidv7()
      }))
      if (items.length === 0) return
      const finishes = await underBoth(client, (pool) => finishStatement(pool, items))
      t.strictSame(finishes.inSets, finishes.byTurn)
      const repeated = await underBoth(client, (pool) => finishStatement(pool, items))
      t.strictSame(repeated.inSets, repeated.byTurn)
      for (const flag of [...(finishes.inSets?.result ?? []), ...(repeated.inSets?.result ?? [])]) seen.add(`${flag}`)
    }),
    { numRuns: 25 }
  )
  const answers = ['accepted', 'replay', 'idempotency_mismatch', 'session_busy', 'session_not_found', 'true', 'false']
  t.same(seen, new Set(answers), 'every answer was seen')
})

t.test('turns that depend on each other, and repeated ones, are taken turn by turn', async (t) => {
  const client = await database.pool.connect()
  t.teardown(() => client.release())
  const first = newTurn(organization, { idempotency: { key: uuidv7(), requestHash: 'h' } })
  const sameSession = newTurn(organization, { sessionId: first.sessionId })
  const sameKey = newTurn(organization, { idempotency: first.idempotency })
  const other = newTurn(organization)
  const tables: [string, AcceptTurn[], boolean, string][] = [
    ['different ones', [first, other], false, 'v2'],
    ['the same session', [first, sameSession], false, 'v1'],
    ['the same key', [first, sameKey], false, 'v1'],
    ['a repetition', [first], true, 'v1']
  ]
  for (const [name, turns, repeated, version] of tables) {
    const names: string[] = []
    const query = (statement: SentStatement) => {
      names.push(statement.name)
      return client.query({ ...statement, rowMode: 'array' })
    }
    const pool = { connect: async () => ({ query, release: () => {} }) } as unknown as pg.Pool
    await client.query('begin')
    const results = await acceptStatement(pool, turns, repeated)
    await client.query('rollback')
    t.strictSame(names, [`semibot_accept_turns_${version}`], name)
    t.equal(results[0]?.kind, 'accepted', name)
  }
})
