import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { REPOSITORY_ROOT, runCli, waitFor } from '@semibot/stack'
import {
  bareEnvironment,
  findPostgres15,
  MISSING_POSTGRES_15,
  startApi,
  startPostgres15,
  startSimulator,
  type TestService
} from '@semibot/stack/test'
import pg from 'pg'
import t from 'tap'

// The commands of docs/database.md, as they stand, on Debian's PostgreSQL 15, with chats before, during and after.

const programs = await findPostgres15()
const PAGE = readFileSync(join(REPOSITORY_ROOT, 'docs/database.md'), 'utf8')
const BLOCK = /^```sh\n([\s\S]*?)^```$/gm

interface Message {
  id: string
  seq: number
  role: string
  content: string
}

interface Chat {
  sessionId: string
  executionId: string
  message: { content: string }
}

/** The shell blocks below a heading of the page. */
function commandsOf(heading: string): string[] {
  const [, section = ''] = PAGE.split(new RegExp(`^## ${heading}$`, 'm'))
  const blocks = [...(section.split(/^## /m)[0] ?? '').matchAll(BLOCK)]
  return blocks.map(([, text = '']) => text)
}

if (programs === undefined) t.test('backup and restore', { skip: MISSING_POSTGRES_15 }, async () => {})
else {
  const server = await startPostgres15(t, programs, { shared_preload_libraries: 'pg_stat_statements' })
  await server.prepare()
  const env = { ...bareEnvironment(), DATABASE_URL: server.url }
  await runCli(['db', 'migrate'], env)
  const { directOrg } = JSON.parse(await runCli(['dev', 'seed'], env)) as { directOrg: { apiKey: string } }
  const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
  const settings = { DATABASE_URL: server.url, LLM_BASE_URL: simulator.baseUrl }
  let api: TestService = await startApi(t, settings)

  const folder = t.testdir()
  const semibot = join(folder, 'semibot')
  const entry = join(REPOSITORY_ROOT, 'apps/cli/bin/semibot.mjs')
  writeFileSync(semibot, `#!/bin/sh\nexec '${process.execPath}' '${entry}' "$@"\n`)
  chmodSync(semibot, 0o755)

  /** Runs one block as a reader would, in a folder of its own. */
  const run = async (block: string, user: string): Promise<string> => {
    const { port, hostname } = new URL(server.url)
    const connection = { PGHOST: hostname, PGPORT: port, PGUSER: user, PGPASSWORD: 'semibot', PGDATABASE: 'semibot' }
    const path = [dirname(programs.pg_dump), folder, process.env.PATH].join(':')
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', block], {
      cwd: folder,
      env: { ...bareEnvironment(), ...connection, PATH: path },
      timeout: 120_000
    })
    return stdout
  }

  const call = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    await fetch(`${api.baseUrl}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${directOrg.apiKey}`, 'content-type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000)
    })
  const chat = async (message: string, more: object = {}, headers: Record<string, string> = {}): Promise<Chat> => {
    const response = await call('POST', '/chat', { message, stream: false, ...more }, headers)
    const answer = (await response.json()) as { data: Chat }
    if (!response.ok) throw new Error(`the chat was answered with ${response.status}: ${JSON.stringify(answer)}`)
    return answer.data
  }
  const messagesOf = async (sessionId: string): Promise<Message[]> =>
    ((await (await call('GET', `/sessions/${sessionId}/messages?limit=100`)).json()) as { data: Message[] }).data
  const runningIn = async (sessionId: string): Promise<number> => {
    const client = new pg.Client(server.url)
    await client.connect()
    const text = `select from executions where session_id = $1 and status = 'running'`
    const { rowCount } = await client.query(text, [sessionId])
    await client.end()
    return rowCount ?? 0
  }

  const [dump = ''] = commandsOf('Backup')
  const [restore = '', migrate = ''] = commandsOf('Restore')
  const key = { 'idempotency-key': randomUUID() }
  const first = await chat('Remember the number 42.', {}, key)
  const { sessionId } = first
  await chat('And the colour blue.', { sessionId })
  let before: Message[] = []
  let busySession = ''

  t.test('a backup is taken while chats go on', async (t) => {
    before = await messagesOf(sessionId)
    t.strictSame(
      before.map(({ seq }) => seq),
      [4, 3, 2, 1]
    )
    // It runs when the dump is taken, and so in the restored database, with nobody who runs it.
    const long = call('POST', '/chat', { message: 'Take your time. [[sim:length=2000 gap=100]]' })
    const response = await long
    busySession = response.headers.get('x-session-id') ?? ''
    await response.body?.cancel()
    t.equal(await runningIn(busySession), 1)

    let [done, chats] = [false, 0]
    const chatting = (async () => {
      while (!done) {
        await chat(`Beside the backup ${chats}`)
        chats++
      }
    })()
    await run(dump, 'semibot')
    done = true
    await chatting
    t.ok(chats > 0, `${chats} chats beside it, none failed`)
  })

  t.test('after the database is gone, chats are refused and the process lives', async (t) => {
    await chat('This comes after the backup.', { sessionId })
    const [drop = ''] = restore.split('\n')
    await run(drop, 'postgres')
    const response = await call('POST', '/chat', { message: 'Hello?', stream: false, sessionId })
    t.equal(response.status, 503)
    t.equal((await fetch(`${api.baseUrl}/health`)).status, 200)
    await api.stop()
  })

  t.test('the restored database has everything of the backup, and belongs to the services', async (t) => {
    await run(restore, 'postgres')
    const status = await run(migrate.replaceAll('semibot db', `DATABASE_URL='${server.url}' semibot db`), 'semibot')
    t.notMatch(status, /missing/)
    const client = new pg.Client(server.adminUrl.replace(/postgres$/, 'semibot'))
    await client.connect()
    const { rows } = await client.query(`
      select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_get_userbyid(c.relowner) <> 'semibot'`)
    await client.end()
    t.strictSame(rows, [], 'no table is the superuser’s')
  })

  t.test('and chat goes on where the backup left it', async (t) => {
    api = await startApi(t, settings)
    t.strictSame(await messagesOf(sessionId), before, 'the messages are those of before')
    const replayed = await call('POST', '/chat', { message: 'Remember the number 42.', stream: false }, key)
    t.equal(replayed.headers.get('idempotency-replayed'), 'true')
    t.equal(((await replayed.json()) as { data: Chat }).data.message.content, first.message.content)

    await chat('Where were we?', { sessionId })
    const [answer, question, ...rest] = await messagesOf(sessionId)
    t.match([answer, question], [{ seq: 6 }, { seq: 5, content: 'Where were we?' }])
    t.strictSame(rest, before)

    t.equal(await runningIn(busySession), 1, 'the execution of then has nobody who runs it')
    await waitFor(async () => (await runningIn(busySession)) === 0, { what: 'it to be ended', timeoutMs: 90_000 })
    await chat('And you?', { sessionId: busySession })
    t.pass('its session takes chats again')
  })
}
