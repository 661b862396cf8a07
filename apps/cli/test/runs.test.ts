import { randomUUID } from 'node:crypto'
import { beginDurableRun, beginStep, createDatabase, recordStep, renewLease } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { json, semibotHere } from './fixtures/semibot.ts'

t.test('durable executions are listed, shown with their steps, and cancelled', async (t) => {
  const url = await createTestDatabase(t)
  const env = { DATABASE_URL: url }
  const here = (...args: string[]) => semibotHere(['runs', ...args], env)
  t.match(await here('list'), { code: 0, stdout: 'There is no such run.\n' })
  t.match(await here('list', '--unknown'), { code: 0, stdout: 'The result of every tool call is known.\n' })

  const { id: orgId } = json<{ id: string }>(await semibotHere(['orgs', 'create', 'acme', '--json'], env))
  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test', connectionTimeoutMs: 10_000 })
  t.teardown(close)
  const executionId = randomUUID()
  const run = { orgId, executionId, owner: 'runtime-1', epoch: 1 }
  await renewLease(db, run.owner, 1500)
  await beginDurableRun(db, {
    ...run,
    sessionId: randomUUID(),
    messageId: randomUUID(),
    agent: 'worker',
    request: { message: 'secret' },
    remainingMs: 60_000,
    steps: [{ name: 'llm:0', effect: 'none', result: { text: 'secret' } }]
  })
  await beginStep(db, run, { name: 'tool:call-1:send', effect: 'unsafe' })

  const [listed] = json<Record<string, unknown>[]>(await here('list', '--status', 'running', '--org', 'acme', '--json'))
  t.match(listed, {
    executionId,
    org: 'acme',
    owner: 'runtime-1',
    ownerAlive: true,
    owners: 1,
    steps: 2,
    unknownSteps: 0
  })
  t.same(json(await here('list', '--status', 'failed', '--json')), [])
  const shown = await here('show', executionId)
  t.match(shown.stdout, /of acme, agent worker: running \(runtime-1\), 1 owner\n/)
  t.match(shown.stdout, /tool:call-1:send +unsafe +begun/)
  t.notMatch(JSON.stringify([shown, await here('show', executionId, '--json')]), /secret/, 'nothing that was said')

  await recordStep(db, run, { name: 'tool:call-1:send', effect: 'unsafe', status: 'unknown', result: {} })
  t.match((await here('list', '--unknown')).stdout, new RegExp(`${executionId} +acme +send +call-1`))
  await semibotHere(['orgs', 'create', 'other'], env)
  t.match(json(await here('list', '--unknown', '--org', 'acme', '--json')), [{ executionId }])
  t.same(json(await here('list', '--unknown', '--org', 'other', '--json')), [], 'those of another organisation')
  t.match((await here('list')).stdout, /worker +running +runtime-1 +1 +2 +1 /)

  t.match(await here('cancel', executionId), { code: 0, stdout: `${executionId} is cancelled.\n` })
  t.match(
    await here('cancel', executionId),
    { code: 0, stdout: `${executionId} is cancelled.\n` },
    'an ended one stays'
  )
  t.match(json(await here('show', executionId, '--json')), { status: 'cancelled' })
})

t.test('what is no execution is refused in words', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t) }
  const id = randomUUID()
  for (const command of ['show', 'cancel']) {
    const none = await semibotHere(['runs', command, id], env)
    t.match(none, {
      code: 1,
      stderr: `semibot: there is no durable execution ${id}; semibot runs list shows the newest\n`
    })
    t.match(await semibotHere(['runs', command, '7'], env), {
      code: 2,
      stderr: /expected the UUID of an execution, got "7"/
    })
  }
  t.match(await semibotHere(['runs', 'list', '--status', 'odd'], env), {
    code: 2,
    stderr: /Allowed choices are running/
  })
  for (const more of [[], ['--unknown']]) {
    const none = await semibotHere(['runs', 'list', '--org', 'nobody', ...more], env)
    t.match(none, { code: 1, stderr: /no organisation "nobody"/ })
  }
  t.match(await semibotHere(['runs', 'list', '--unknown', '--status', 'failed'], env), {
    code: 2,
    stderr: /'--unknown' cannot be used with option '--status <status>'/
  })
})
