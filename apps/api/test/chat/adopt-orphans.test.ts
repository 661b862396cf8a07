import {
  beginDurableRun,
  createDatabase,
  createOrganization,
  createTurnWriter,
  findAgent,
  findExecution,
  forbidDurableRun,
  heartbeat
} from '@semibot/db'
import { createTestDatabase, waitFor } from '@semibot/stack/test'
import Fastify from 'fastify'
import { sql } from 'kysely'
import t from 'tap'
import { Orphanage } from '../../src/chat/adopt-orphans.ts'
import { newId } from '../../src/new-id.ts'

const { db, pool, close } = createDatabase({ url: await createTestDatabase(t), max: 4, applicationName: 'test' })
const turns = createTurnWriter(pool)
const { id: orgId } = await createOrganization(db, { slug: 'acme', name: 'Acme' })
const agent = await findAgent(db, orgId, 'default')
const orphanage = new Orphanage({
  db,
  services: { instanceId: 'mine', turns, executionTimeoutMs: 300_000 },
  log: Fastify().log,
  staleMs: 1,
  leaseMs: 60_000,
  resume: async () => {}
})
t.teardown(async () => {
  await orphanage.close()
  await turns.close()
  await close()
})

/** A chat that has been answered in part, of an api process that is gone. */
async function orphan() {
  const ids = { executionId: newId(), orgId, sessionId: newId(), messageId: newId() }
  await turns.accept({
    ...ids,
    userId: null,
    userScope: null,
    newSession: true,
    agentId: agent?.id ?? null,
    userMessageId: newId(),
    assistantMessageId: ids.messageId,
    content: 'Hi',
    owner: 'dead',
    historyLimit: 0
  })
  await turns.saveProgress({ ...ids, content: 'Half an ans' })
  const run = { ...ids, agent: 'worker', owner: 'runtime', request: {}, remainingMs: 60_000, steps: [] }
  await beginDurableRun(db, run)
  return run
}

/** Looks until the execution is ours. */
async function adopt({ executionId }: { executionId: string }): Promise<void> {
  await heartbeat(db, { id: 'mine', kind: 'api' })
  await sql`update service_instances set seen_at = now() + interval '1 min', steady_since = now() - interval '1 min'`.execute(
    db
  )
  const adopted = async () => {
    await orphanage.look()
    return (await findExecution(db, orgId, null, executionId))?.owner === 'mine'
  }
  await waitFor(adopted, { what: 'the adoption' })
}

async function end({ executionId }: { executionId: string }) {
  const ended = async () => {
    const record = await findExecution(db, orgId, null, executionId)
    return record?.status === 'running' ? undefined : record
  }
  return waitFor(ended, { what: 'the end' })
}

t.test('a user can cancel a chat whose api process is gone', async (t) => {
  const run = await orphan()
  await adopt(run)
  await orphanage.cancel(newId())
  await orphanage.cancel(run.executionId)
  t.match(await end(run), { status: 'cancelled', content: 'Half an ans', error: null })
})

t.test('what was saved of an answer stays when its run left none', async (t) => {
  const run = await orphan()
  await forbidDurableRun(db, run)
  await adopt(run)
  t.match(await end(run), { status: 'failed', content: 'Half an ans', error: { code: 'INTERNAL' } })
})
