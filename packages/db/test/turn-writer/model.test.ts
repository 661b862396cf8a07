import fc from 'fast-check'
import t from 'tap'
import { type AcceptTurn, createTurnWriter, listMessages, type TurnWriter } from '../../src/index.ts'
import { addOrganization, openTestDatabase, type TestDatabase } from '../helpers/test-database.ts'
import { endOf, newTurn } from '../helpers/turns.ts'

/** What the database should hold, kept in a few maps. */
interface Model {
  sessions: Map<number, { id: string; running: AcceptTurn | undefined; messages: StoredMessage[] }>
  keys: Map<string, { hash: string; executionId: string }>
}

interface StoredMessage {
  role: string
  content: string
  status: string
}

interface Real {
  database: TestDatabase
  writer: TurnWriter
  organization: { orgId: string; agentId: string }
}

const session = fc.integer({ min: 0, max: 2 })
const key = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined })
const hash = fc.constantFrom('x', 'y')
const content = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'))

class Accept implements fc.AsyncCommand<Model, Real> {
  readonly #session: number
  readonly #key: string | undefined
  readonly #hash: string
  readonly #content: string

  constructor(session: number, key: string | undefined, hash: string, content: string) {
    this.#session = session
    this.#key = key
    this.#hash = hash
    this.#content = content
  }

  check(): boolean {
    return true
  }

  async run(model: Model, { writer, organization }: Real): Promise<void> {
    const known = model.sessions.get(this.#session)
    const turn = newTurn(organization, {
      content: this.#content,
      ...(known ? { sessionId: known.id } : {}),
      idempotency: this.#key === undefined ? undefined : { key: this.#key, requestHash: this.#hash }
    })
    const result = await writer.accept(turn)
    const earlier = this.#key === undefined ? undefined : model.keys.get(this.#key)
    if (earlier) {
      equal(result.kind, earlier.hash === this.#hash ? 'replay' : 'idempotency_mismatch')
      if (result.kind === 'replay') equal(result.executionId, earlier.executionId)
      return
    }
    if (known?.running) {
      equal(result, { kind: 'session_busy', executionId: known.running.executionId })
      return
    }
    equal(result, { kind: 'accepted', agentId: organization.agentId, history: historyOf(known?.messages ?? []) })
    const messages = [...(known?.messages ?? []), { role: 'user', content: this.#content, status: 'complete' }]
    model.sessions.set(this.#session, { id: turn.sessionId, running: turn, messages })
    if (this.#key !== undefined) model.keys.set(this.#key, { hash: this.#hash, executionId: turn.executionId })
  }

  toString(): string {
    return `accept(${this.#session}, ${this.#key}, ${this.#hash}, ${JSON.stringify(this.#content)})`
  }
}

class Finish implements fc.AsyncCommand<Model, Real> {
  readonly #session: number
  readonly #status: 'complete' | 'partial' | 'failed' | 'cancelled'
  readonly #content: string
  readonly #progress: boolean

  constructor(
    session: number,
    status: 'complete' | 'partial' | 'failed' | 'cancelled',
    content: string,
    progress: boolean
  ) {
    this.#session = session
    this.#status = status
    this.#content = content
    this.#progress = progress
  }

  check(model: Model): boolean {
    return model.sessions.get(this.#session)?.running !== undefined
  }

  async run(model: Model, { writer }: Real): Promise<void> {
    const known = model.sessions.get(this.#session)
    const turn = known?.running
    if (!known || !turn) throw new Error('check() lets only running sessions through')
    if (this.#progress) {
      const { executionId, orgId, assistantMessageId: messageId } = turn
      equal(await writer.saveProgress({ executionId, orgId, messageId, content: this.#content.slice(0, 3) }), true)
    }
    const end = endOf(turn, { messageStatus: this.#status, content: this.#content })
    equal(await writer.finish(end), true)
    equal(await writer.finish(end), false)
    known.messages.push({ role: 'assistant', content: this.#content, status: this.#status })
    known.running = undefined
  }

  toString(): string {
    return `finish(${this.#session}, ${this.#status}, ${JSON.stringify(this.#content)}, ${this.#progress})`
  }
}

class Read implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true
  }

  async run(model: Model, { database, organization }: Real): Promise<void> {
    for (const { id, messages } of model.sessions.values()) {
      const page = await listMessages(database.db, organization.orgId, null, id, { limit: 100 })
      const stored = page?.items.reverse().map(({ role, content, status }) => ({ role, content, status }))
      equal(stored, messages)
      equal(
        page?.items.map(({ seq }) => seq),
        messages.map((_, index) => index + 1)
      )
    }
  }

  toString(): string {
    return 'read()'
  }
}

function historyOf(messages: StoredMessage[]) {
  const history: { role: string; content: string }[] = []
  for (let index = 0; index + 1 < messages.length; index += 2) {
    const [question, answer] = messages.slice(index, index + 2) as [StoredMessage, StoredMessage]
    if (!['complete', 'partial'].includes(answer.status) || answer.content === '') continue
    history.push({ role: 'user', content: question.content }, { role: 'assistant', content: answer.content })
  }
  return history
}

function equal(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return
  throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`)
}

t.test('any sequence of accepts and finishes leaves what a small model says', async (t) => {
  const database = await openTestDatabase(t)
  const writer = createTurnWriter(database.pool)
  t.teardown(() => writer.close())
  const commands = fc.commands(
    [
      fc.tuple(session, key, hash, content).map((args) => new Accept(...args)),
      fc
        .tuple(session, fc.constantFrom('complete', 'partial', 'failed', 'cancelled'), content, fc.boolean())
        .map((args) => new Finish(...args)),
      fc.constant(new Read())
    ],
    { maxCommands: 30 }
  )
  let runs = 0
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      runs++
      const organization = await addOrganization(database)
      const model: Model = { sessions: new Map(), keys: new Map() }
      await fc.asyncModelRun(() => ({ model, real: { database, writer, organization } }), sequence)
    }),
    { numRuns: 60, interruptAfterTimeLimit: 30_000 }
  )
  t.ok(runs >= 10, `${runs} sequences were tried`)
})
