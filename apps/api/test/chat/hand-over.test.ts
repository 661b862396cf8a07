import { beginDurableRun, cancelDurableRun, createDatabase, createOrganization, renewLease } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { EventMirror, type EventStore, TAKEN } from '../../src/chat/event-mirror.ts'
import { Handover } from '../../src/chat/hand-over.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'
import { RunningExecutions } from '../../src/chat/running-executions.ts'
import { newId } from '../../src/new-id.ts'
import { startedEvent } from '../helpers/started-event.ts'

const LEASE_MS = 60_000
const { db, close } = createDatabase({ url: await createTestDatabase(t), max: 2, applicationName: 'test' })
t.teardown(close)
const { id: orgId } = await createOrganization(db, { slug: 'acme', name: 'Acme' })

/** What happens to a chat whose run is in the journal when its process ends; `store` is where its events are copied. */
async function end(store: EventStore) {
  const ids = { executionId: newId(), orgId, sessionId: newId(), messageId: newId() }
  await renewLease(db, 'runtime', LEASE_MS)
  await beginDurableRun(db, { ...ids, agent: 'worker', owner: 'runtime', request: {}, remainingMs: 60_000, steps: [] })
  const events = new MemoryEventLog().open({ ...ids, userId: null })
  events.append(startedEvent())
  const mirror = new EventMirror(store)
  mirror.add(events)
  const running = new RunningExecutions()
  const done = Promise.withResolvers<void>()
  const happened: string[] = []
  const note = (what: string) => {
    happened.push(what)
    done.resolve()
  }
  running.add({
    ...{ events, startedAt: 0, partialText: () => '', done: done.promise },
    cancel: (reason) => note(reason),
    leave: () => note('left')
  })
  await new Handover({ running, db, mirror, leaveAdopted: async () => {}, leaseMs: LEASE_MS }).end(ids.executionId)
  await mirror.flush()
  await cancelDurableRun(db, orgId, ids.executionId)
  return { happened, isCutOff: events.failed }
}

t.test('a run whose events are where every replica can read them is left to the others', async (t) => {
  const whole = { append: async () => 1, abandon: async () => {} }
  t.strictSame(await end(whole), { happened: ['left'], isCutOff: true })
})

t.test('a run whose events nobody could read on is ended, and its client told so', async (t) => {
  const away = { append: () => Promise.reject(new Error('away')), abandon: async () => {} }
  t.strictSame(await end(away), { happened: ['shutdown'], isCutOff: false })
  const forgetful = { append: async () => 0, abandon: async () => {} }
  t.strictSame(await end(forgetful), { happened: ['shutdown'], isCutOff: false })
})

t.test('a store that was away for a moment is waited for', async (t) => {
  let tries = 0
  const append = async () => {
    if (++tries === 1) throw new Error('away')
    return 1
  }
  t.strictSame(await end({ append, abandon: async () => {} }), { happened: ['left'], isCutOff: true })
})

t.test('a run that another process has adopted meanwhile is left to it', async (t) => {
  t.strictSame(await end({ append: async () => TAKEN, abandon: async () => {} }), {
    happened: ['left'],
    isCutOff: true
  })
})
