import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { placePostgres } from '../src/postgres/placement.ts'
import { type PostgresOptions, type RunningPostgres, startPostgres } from '../src/postgres/start-postgres.ts'
import { isSameProcess, processStart } from '../src/process-identity.ts'
import { waitFor } from '../src/wait-for.ts'

const isRoot = process.getuid?.() === 0

/** A state folder that the user of root's PostgreSQL can cross. */
function stateFolder(t: Test, mode = 0o711): string {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-postgres-'))
  chmodSync(folder, mode)
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function start(t: Test, options: PostgresOptions): Promise<RunningPostgres> {
  const postgres = await startPostgres({ fast: true, password: "it's", adminPassword: 'admin', ...options })
  t.teardown(postgres.stop)
  return postgres
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  // A server that is killed closes the connection; the query rejects too.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

// These start real servers; a busy machine takes its time.
t.setTimeout(110_000)

t.test('role, database, statistics and passwords are ready, and data survives a stop', async (t) => {
  const home = stateFolder(t)
  const dataDir = join(home, 'postgres')
  const first = await start(t, { dataDir })
  t.match(await query(first.url, 'select current_user as who, current_database() as name'), [
    { who: 'semibot', name: 'semibot' }
  ])
  await query(first.url, 'create table kept (word text); insert into kept values ($$回退$$)')
  const statements = await query(
    first.url,
    "select count(*)::int as seen from pg_stat_statements where query like 'create table kept%'"
  )
  t.match(statements, [{ seen: 1 }], 'the statements of everybody can be read')
  t.match(await query(first.url, "select count(*)::int as seen from pg_stat_statements where query ~* 'password'"), [
    { seen: 0 }
  ])
  const wrong = first.url.replace("it's", 'wrong')
  t.not(wrong, first.url)
  await t.rejects(query(wrong, 'select 1'), { code: '28P01' }, 'nobody comes in without the password')
  t.equal(statSync(first.dataDir).mode & 0o777, 0o700)
  t.same(readdirSync(home), ['postgres'], 'no password file is left')
  t.same(await first.stop(), { code: 0, signal: null })

  const second = await start(t, { dataDir, password: 'changed' })
  t.same(await query(second.url, 'select * from kept'), [{ word: '回退' }])
  await second.stop()
  await t.rejects(startPostgres({ dataDir, adminPassword: 'forgotten' }), { message: /was made with another password/ })
})

t.test('what a killed run left behind is cleared away', async (t) => {
  const dataDir = join(stateFolder(t), 'postgres')
  const notes: string[] = []
  const note = (text: string) => void notes.push(text)
  const first = await start(t, { dataDir, note })
  await query(first.url, 'create table kept (word text)')
  const pidFile = join(first.dataDir, 'postmaster.pid')

  const second = await start(t, { dataDir, note })
  t.match(notes.at(-1), `stopped the PostgreSQL (pid ${first.pid}) that an earlier run left behind`)
  t.notOk(isSameProcess(first.pid, first.process.start))
  t.same(await query(second.url, 'select * from kept'), [])

  second.process.kill('SIGKILL')
  await second.process.exited
  t.ok(existsSync(pidFile), 'a server that was killed leaves its file')
  const third = await start(t, { dataDir, note })
  t.equal(notes.at(-1), 'removed the postmaster.pid of a server that is gone')
  t.same(await query(third.url, 'select * from kept'), [], 'and its data is recovered')
  await third.stop()

  // A pid that a living program of the same user has by now.
  writeFileSync(pidFile, `${process.pid}\n${first.dataDir}\n`)
  if (isRoot) chownSync(pidFile, 65534, 65534)
  const fourth = await start(t, { dataDir, note })
  t.same(await query(fourth.url, 'select * from kept'), [])
  t.not(processStart(process.pid), '', 'that program was left alone')
})

t.test('an initdb that was interrupted is done again; foreign files are left alone', async (t) => {
  const home = stateFolder(t)
  mkdirSync(join(home, 'postgres.new'))
  writeFileSync(join(home, 'postgres.new/half'), '')
  mkdirSync(join(home, 'postgres'))
  writeFileSync(join(home, 'postgres/letter.txt'), 'mine')
  await t.rejects(startPostgres({ dataDir: join(home, 'postgres') }), {
    message: /is not empty and holds no PostgreSQL data/
  })
  t.equal(readFileSync(join(home, 'postgres/letter.txt'), 'utf8'), 'mine')
  rmSync(join(home, 'postgres/letter.txt'))
  const postgres = await start(t, { dataDir: join(home, 'postgres') })
  t.match(await query(postgres.url, 'select 1 as one'), [{ one: 1 }])
  await postgres.stop()
  writeFileSync(join(postgres.dataDir, 'PG_VERSION'), '15\n')
  await t.rejects(startPostgres({ dataDir: join(home, 'postgres') }), {
    message: /the data in .* is of PostgreSQL 15, the programs are of 18/
  })
})

t.test('a start that is given up leaves no server', async (t) => {
  const dataDir = join(stateFolder(t), 'postgres')
  let pid = 0
  // On a busy machine the server may be ready before its first line has come: then there was nothing to give up.
  const giveUp = async (): Promise<boolean> => {
    const stop = new AbortController()
    const log = (line: string) => {
      pid = Number(/\[(\d+)\]/.exec(line)?.[1])
      stop.abort(new Error('Ctrl-C'))
    }
    try {
      const server = await startPostgres({ dataDir, fast: true, log, signal: stop.signal })
      await server.stop()
      return false
    } catch (error) {
      t.match(error, { message: 'Ctrl-C' })
      return true
    }
  }
  await waitFor(giveUp, { what: 'a start to be given up', timeoutMs: 60_000 })
  t.ok(pid > 0)
  await waitFor(() => processStart(pid) === '', { what: 'the server to be gone' })
})

t.test('in a folder that only root may enter, programs and data lie where the server can reach them', async (t) => {
  const home = stateFolder(t, 0o700)
  const systemFolder = stateFolder(t)
  const dataDir = join(home, 'postgres')
  const place = await placePostgres({ dataDir, systemFolder })
  if (!isRoot) {
    t.match(place, { dataDir, notes: [] })
    return
  }
  const notes: string[] = []
  const postgres = await start(t, { dataDir, systemFolder, note: (text) => void notes.push(text) })
  t.ok(postgres.dataDir.startsWith(`${systemFolder}/`))
  t.ok(
    notes.some((text) => text.endsWith(`may not enter ${home}: its data lies in ${postgres.dataDir}`)),
    notes.join('\n')
  )
  t.equal(statSync(postgres.dataDir).uid, 65534)
  t.match(await query(postgres.url, 'select 1 as one'), [{ one: 1 }])
  await postgres.stop()

  t.equal((await placePostgres({ dataDir, systemFolder })).dataDir, postgres.dataDir, 'the next start finds them again')
  rmSync(home, { recursive: true })
  mkdirSync(home, { mode: 0o700 })
  const fresh = await placePostgres({ dataDir, systemFolder })
  t.not(fresh.dataDir, postgres.dataDir, 'a new clone at the same path starts with new data')
  t.notOk(existsSync(postgres.dataDir), 'and that of the deleted one is gone')
})
