import { createDatabase, createOrganization, createTurnWriter, findAgent, heartbeat } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { endForgotten } from '../../src/chat/end-forgotten.ts'
import { RunningExecutions } from '../../src/chat/running-executions.ts'
import { newId } from '../../src/new-id.ts'

t.test('an execution of this process that nobody runs any more is ended, the others are left alone', async (t) => {
  const { db, pool, close } = createDatabase({ url: await createTestDatabase(t), max: 4, applicationName: 'test' })
  const turns = createTurnWriter(pool)
  t.teardown(async () => {
    await turns.close()
    await close()
  })
  const { id: orgId } = await createOrganization(db, { slug: 'acme', name: 'Acme' })
  const agent = await findAgent(db, orgId, 'default')
  await heartbeat(db, { id: 'mine', kind: 'api' })
  const accept = async (owner: string) => {
    const executionId = newId()
    await turns.accept({
      executionId,
      orgId,
      userId: null,
      userScope: null,
      sessionId: newId(),
      newSession: true,
      agentId: agent?.id ?? null,
      userMessageId: newId(),
      assistantMessageId: newId(),
      content: 'Hi',
      owner,
      historyLimit: 0
    })
    return executionId
  }
  const [forgotten, ofOthers] = [await accept('mine'), await accept('other')]
  const anHourAgo = new Date(Date.now() - 3_600_000)
  await db.updateTable('executions').set({ created_at: anHourAgo }).execute()
  const young = await accept('mine')

  const services = { instanceId: 'mine', running: new RunningExecutions(), turns, executionTimeoutMs: 300_000 }
  t.equal(await endForgotten(services, db, 300_000), 1)
  t.equal(await endForgotten(services, db, 300_000), 0)
  const rows = await db.selectFrom('executions').select(['id', 'status', 'error_code']).execute()
  const byId = Object.fromEntries(rows.map((row) => [row.id, row]))
  t.match(byId[forgotten], { status: 'failed', error_code: 'INTERNAL' })
  t.match(byId[ofOthers], { status: 'running' })
  t.match(byId[young], { status: 'running' })
})
