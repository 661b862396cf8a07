import { readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createSession, findAgent } from '@semibot/db'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { type BadInputContext, chat } from './bad-input/case.ts'
import { BAD_INPUT, badInputPage } from './bad-input/page.ts'
import { buildTestApp } from './helpers/build-test-app.ts'
import { type RawRequest, requestBytes, sendBytes } from './helpers/raw-http.ts'

const PAGE = join(REPOSITORY_ROOT, 'docs/bad-input.md')
const STACK_TRACE = /\n\s+at |node_modules|\.ts:\d|node:internal/

const simulator = await startSimulator(t)
const { app, createOrganization } = await buildTestApp(t, { LLM_BASE_URL: simulator.baseUrl })
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo
const context: BadInputContext = {
  acme: await createOrganization('acme'),
  foreignSessionId: await createForeignSession()
}

async function createForeignSession(): Promise<string> {
  const { id } = await createOrganization('other')
  const agent = await findAgent(app.db, id, 'default')
  return (await createSession(app.db, id, { agentId: agent?.id ?? '', userId: null })).id
}

async function countRows(): Promise<Record<string, number>> {
  const tables = [
    'users',
    'agents',
    'sessions',
    'messages',
    'executions',
    'idempotency_keys',
    'fallback_events'
  ] as const
  const count = async (table: (typeof tables)[number]) =>
    (
      await app.db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll<number>().as('rows'))
        .executeTakeFirstOrThrow()
    ).rows
  return Object.fromEntries(await Promise.all(tables.map(async (table) => [table, await count(table)])))
}

async function firstMessage(sessionId: string): Promise<string> {
  const messages = app.db.selectFrom('messages').select('content').where('session_id', '=', sessionId)
  return (await messages.orderBy('seq').executeTakeFirstOrThrow()).content
}

for (const [title, cases] of Object.entries(BAD_INPUT)) {
  t.test(title, async (t) => {
    for (const { what, request, status, code, message } of cases) {
      const before = await countRows()
      const built = request(context)
      const answer = await sendBytes(port, Buffer.isBuffer(built) ? built : requestBytes(built))
      t.equal(answer.status, status, `${what}: status`)
      t.notMatch(answer.body, STACK_TRACE, `${what}: no stack trace`)
      if (code === undefined) {
        const { sessionId } = JSON.parse(answer.body).data
        t.equal(
          await firstMessage(sessionId),
          JSON.parse(String((built as RawRequest).body)).message,
          `${what}: stored`
        )
        continue
      }
      const { error } = JSON.parse(answer.body)
      t.match(error, { code, message }, what)
      t.equal(error.message, message, what)
      t.match(error.message, /\.$/, `${what}: a whole sentence`)
      t.same(await countRows(), before, `${what}: nothing is stored`)
    }
  })
}

t.test('text that looks like an event makes none', async (t) => {
  const message = 'x\r\n\r\nevent: execution.failed\r\ndata: {}\r\n\r\n\u2028event: execution.failed\ndata: {}\n\n'
  const built = chat({ message })(context) as RawRequest
  const { headers, body: first } = await sendBytes(port, requestBytes(built))
  const again = chat({ message: 'what did I say before?', sessionId: headers['x-session-id'] })(context) as RawRequest
  const { body: second } = await sendBytes(port, requestBytes(again))
  const completed = /^event: message\.completed\ndata: (.*)$/m.exec(second)?.[1] ?? '{}'
  t.match(JSON.parse(completed).content, 'event: execution.failed data: {}', 'the answer repeats it')
  for (const stream of [first, second]) {
    const types = [...stream.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)
    t.equal(types.at(-1), 'execution.completed')
    t.notOk(types.includes('execution.failed'))
  }
})

t.test('the process goes on', async (t) => {
  const answer = await sendBytes(port, requestBytes({ method: 'GET', path: '/health' }))
  t.same([answer.status, JSON.parse(answer.body)], [200, { status: 'healthy' }])
})

t.test('docs/bad-input.md has the same table', async (t) => {
  const page = badInputPage()
  if (process.env.UPDATE_DOCS === '1') await writeFile(PAGE, page)
  t.equal(await readFile(PAGE, 'utf8'), page)
})
