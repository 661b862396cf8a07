import type { ChatEvent } from '@semibot/chat-protocol'
import { listDurableRuns, listUnknownSteps } from '@semibot/db'
import { waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { type ChatStream, isType, textOf } from '../helpers/chat-client.ts'
import { type EffectLine, startDurable } from '../helpers/start-durable.ts'

const STEPS = 4

t.test('chats with tools outlive the runtime that began them', async (t) => {
  const durable = await startDurable(t, { runtimeEnv: { SHUTDOWN_GRACE_MS: '1500' } })
  const { inRuntime, stream, work, effects, api } = durable
  await waitFor(async () => (await metric('chat_runtime_instance_up')) === 2, { what: 'both instances' })

  /** Sum of a metric's series. */
  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`${api.baseUrl}/metrics`)).text()
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))]
    return values.reduce((sum, [, value]) => sum + Number(value), 0)
  }

  const of = (chat: ChatStream) => effects().filter(({ executionId }) => executionId === executionOf(chat))
  const pidOf = (chat: ChatStream) => of(chat).at(-1)?.pid
  const runtimeOf = (chat: ChatStream) => durable.runtimes.findIndex(({ pid }) => pid === pidOf(chat))
  /** When the chat has had so many effects. */
  const after = (chat: ChatStream, count: number) =>
    waitFor(() => of(chat).filter(({ phase }) => phase === 'effect').length >= count, {
      what: `${count} effects`,
      timeoutMs: 30_000
    })
  const begin = async (tool: string, input: object = {}, more = '') => {
    const chat = await stream(inRuntime, work(tool, STEPS, input, more))
    await chat.until(isType('execution.started'))
    return chat
  }

  await t.test('kill -9: another instance goes on, and the client sees one whole answer', async (t) => {
    const chats = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        begin('effect_idempotent', { beforeMs: 250 }, index % 2 ? 'talk=6 vary' : 'vary')
      )
    )
    await Promise.all(chats.map((chat) => after(chat, 1)))
    const victim = runtimeOf(chats[0]!)
    const there = chats.filter((chat) => runtimeOf(chat) === victim)
    const killed = durable.runtimes[victim]!
    killed.kill('SIGKILL')
    await killed.exited
    const before = effects()
    const ends = await Promise.all(chats.map(({ ended }) => ended))
    for (const [index, events] of ends.entries()) {
      const chat = chats[index]!
      t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
      t.equal(events.filter(isType('execution.started')).length, 1)
      t.strictSame(
        events.map(({ seq }) => seq),
        events.map((_, place) => place + 1),
        'numbered without a gap'
      )
      t.match(events.findLast(isType('message.completed')), { content: textOf(events) }, 'the text adds up')
      checkWords(t, textOf(events), index % 2 ? STEPS : 0)
      checkTools(t, events)
      const effected = of(chat).filter(({ phase }) => phase === 'effect')
      t.equal(effected.length, STEPS, 'every effect once')
      t.equal(new Set(effected.map(({ key }) => key)).size, STEPS)
    }
    for (const chat of there) {
      const begun = counts(of(chat).filter(({ phase }) => phase === 'begun'))
      const finished = finishedBefore(before, executionOf(chat))
      for (const key of finished) t.equal(begun.get(key), 1, 'a finished step is not repeated')
      t.ok(
        of(chat).some(({ pid }) => pid !== killed.pid),
        'it went on elsewhere'
      )
    }
    t.ok(api.lines.some((line) => line.includes('执行转由另一实例继续')))
    await durable.restart(victim)
    await waitFor(async () => (await metric('chat_runtime_instance_up')) === 2, {
      what: 'the instance',
      timeoutMs: 20_000
    })
  })

  await t.test(
    'an unsafe tool that was under way is unknown, is not run again, and is shown to the operator',
    async (t) => {
      const chat = await begin('effect_unsafe', { beforeMs: 200, afterMs: 200 })
      await waitFor(() => of(chat).some(({ phase, text }) => phase === 'begun' && text === '2'), {
        what: 'the second call'
      })
      const victim = runtimeOf(chat)
      durable.runtimes[victim]!.kill('SIGKILL')
      const events = await chat.ended
      const unknown = events.flatMap((event) =>
        event.type === 'tool.finished' && event.status === 'unknown' ? [event] : []
      )
      t.equal(unknown.length, 1)
      t.match(events.at(-1), { type: 'execution.completed' })
      t.match(textOf(events), /It is unknown whether this took effect: effect_unsafe/)
      t.ok([...counts(of(chat).filter(({ phase }) => phase === 'begun')).values()].every((count) => count === 1))
      const listed = await listUnknownSteps(durable.db, { limit: 10 })
      t.match(listed, [{ executionId: executionOf(chat), tool: 'effect_unsafe', toolCallId: unknown[0]!.toolCallId }])
      await durable.restart(victim)
      await waitFor(async () => (await metric('chat_runtime_instance_up')) === 2, {
        what: 'the instance',
        timeoutMs: 20_000
      })
    }
  )

  await t.test('a runtime that is stopped and wakes up later does nothing any more', async (t) => {
    const chat = await begin('effect_idempotent', { beforeMs: 300 }, 'vary')
    await after(chat, 1)
    const victim = runtimeOf(chat)
    const zombie = durable.runtimes[victim]!
    zombie.kill('SIGSTOP')
    t.match((await chat.ended).at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
    const before = effects().length
    zombie.kill('SIGCONT')
    await waitFor(() => zombie.lines.some((line) => line.includes('execution interrupted')), { what: 'its end' })
    t.strictSame(
      effects()
        .slice(before)
        .filter(({ phase }) => phase !== 'effect'),
      [],
      'it begins nothing'
    )
    const effected = of(chat).filter(({ phase }) => phase === 'effect')
    t.equal(effected.length, STEPS)
    t.equal(new Set(effected.map(({ key }) => key)).size, STEPS)
    await waitFor(async () => (await metric('chat_runtime_instance_up')) === 2, {
      what: 'the instance',
      timeoutMs: 20_000
    })
  })

  await t.test('SIGTERM: runs go on elsewhere, and that is no evidence against the runtime', async (t) => {
    const errors = await metric('chat_execution_error_total')
    const transitions = await metric('chat_runtime_fallback_transitions_total')
    const chats = await Promise.all(
      Array.from({ length: 4 }, (_, index) =>
        index < 2 ? begin('effect_idempotent', { beforeMs: 900 }, 'vary') : stream(inRuntime, LONG)
      )
    )
    await Promise.all(chats.slice(0, 2).map((chat) => waitFor(() => of(chat).length > 0, { what: 'a step' })))
    const victim = runtimeOf(chats[0]!)
    const leaving = durable.runtimes[victim]!
    leaving.kill('SIGTERM')
    for (const events of await Promise.all(chats.map(({ ended }) => ended))) {
      t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
    }
    for (const chat of chats.slice(0, 2)) {
      t.ok([...counts(of(chat).filter(({ phase }) => phase === 'effect')).values()].every((count) => count === 1))
      t.equal(counts(of(chat).filter(({ phase }) => phase === 'effect')).size, STEPS)
    }
    t.match(await leaving.exited, { code: 0 })
    t.equal(await metric('chat_execution_error_total'), errors)
    t.equal(await metric('chat_runtime_fallback_transitions_total'), transitions)
    await durable.restart(victim)
  })

  await t.test('a cancel reaches a run that would go on without its reader', async (t) => {
    const chat = await begin('effect_unsafe', { beforeMs: 5000 })
    await waitFor(() => of(chat).length > 0, { what: 'a step' })
    const cancelled = await durable.call(inRuntime, 'POST', `/chat/executions/${executionOf(chat)}/cancel`)
    t.equal(cancelled.status, 202)
    const events = await chat.ended
    t.match(events.at(-1), { type: 'execution.cancelled' })
    t.match(events.findLast(isType('tool.finished')), { status: 'unknown' }, 'the tool may have taken effect')
    const ended = async () => {
      const runs = await listDurableRuns(durable.db, { limit: 100 })
      return runs.find((run) => run.executionId === executionOf(chat))?.status === 'cancelled'
    }
    await waitFor(ended, { what: 'the run to end' })
    t.strictSame(await listDurableRuns(durable.db, { status: 'running', limit: 10 }), [], 'no run is left over')
  })
})

const LONG = { message: 'Tell me a lot. [[sim:length=150 gap=20 vary]]' }

function executionOf({ headers }: ChatStream): string {
  return headers.get('x-execution-id') ?? ''
}

function counts(lines: readonly EffectLine[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const { key } of lines) found.set(key, (found.get(key) ?? 0) + 1)
  return found
}

/** Calls after which the same execution had begun another: their results were in the journal. */
function finishedBefore(lines: readonly EffectLine[], executionId: string): string[] {
  const begun = lines.filter((line) => line.executionId === executionId && line.phase === 'begun')
  return begun.slice(0, -1).map(({ key }) => key)
}

/** Each paragraph is the work of one model call, whole and in order; `talks` of them come before the answer. */
function checkWords(t: Test, text: string, talks: number): void {
  const paragraphs = text.split('\n\n')
  t.equal(paragraphs.length, talks + 1, 'as many texts as model calls that spoke')
  for (const paragraph of paragraphs) {
    const marks = [...paragraph.matchAll(/\[(\d+)\.(\d+)\]/g)]
    t.equal(
      marks.every(([, place], index) => Number(place) === index + 1),
      true,
      'no word is missing or there twice'
    )
    t.equal(new Set(marks.map(([, , call]) => call)).size, 1, 'and one call wrote them all')
  }
}

function checkTools(t: Test, events: ChatEvent[]): void {
  const ids = (type: 'tool.started' | 'tool.finished') =>
    events.flatMap((event) => (event.type === type ? [event.toolCallId] : []))
  t.strictSame(ids('tool.started'), [...new Set(ids('tool.started'))], 'no tool is told of twice')
  t.strictSame(ids('tool.finished'), ids('tool.started'), 'and each one ends')
}
