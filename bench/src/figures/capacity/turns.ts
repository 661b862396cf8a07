import { setTimeout as pause } from 'node:timers/promises'
import { createDatabase, createTurnWriter, type DatabaseHandle, findAgent, type TurnWriter } from '@semibot/db'
import { v7 as uuidv7 } from 'uuid'
import { usageOf } from '../../process-usage.ts'
import { quantile } from '../../quantiles.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'

const ASKED_PER_SECOND = 1000
const CALLERS = 256
const TURNS_PER_SESSION = 12
const QUESTION = 'What is the status of my order? '.repeat(6)
const ANSWER = 'Your order was sent yesterday and will arrive soon. '.repeat(15)

/** Turns as the api writes them: accept (key, session, question, execution) and finish (answer, end of the execution). */
export const turnsScenario: Scenario = {
  name: 'turns',
  about: 'turns per second to PostgreSQL, which syncs to disk',
  async run({ base, quick, report }: FigureContext): Promise<Figure[]> {
    const seconds = quick ? 4 : 10
    const handle = createDatabase({
      url: base.databaseUrl,
      max: 10,
      applicationName: 'capacity',
      connectionTimeoutMs: 10_000
    })
    const writer = createTurnWriter(handle.pool)
    try {
      const orgId = base.directOrg.id
      const agentId = (await findAgent(handle.db, orgId, 'default'))?.id ?? ''
      const run = (end: number, callers: number, perSecond?: number) =>
        drive(new Sessions(writer, orgId, agentId), callers, end, perSecond)
      report('turns: 2 s to warm up')
      await run(performance.now() + 2000, 16)

      report(`turns: ${ASKED_PER_SECOND}/s, ${seconds} s`)
      const paced = await watched(handle, () => run(performance.now() + seconds * 1000, CALLERS, ASKED_PER_SECOND))
      report(`turns: as many as it takes from ${CALLERS} callers, ${seconds} s`)
      const full = await watched(handle, () => run(performance.now() + seconds * 1000, CALLERS))
      return [
        figure(
          {
            fault: `${ASKED_PER_SECOND} turns/s, with up to 20 messages of history each`,
            asked: `${ASKED_PER_SECOND}/s stored, p99 of accept <= 250 ms`,
            measured: describe(paced)
          },
          paced.perSecond >= ASKED_PER_SECOND * 0.98 && paced.acceptP99Ms <= 250,
          []
        ),
        figure(
          {
            fault: `as many turns as ${CALLERS} callers can`,
            asked: `>= ${ASKED_PER_SECOND}/s`,
            measured: describe(full)
          },
          full.perSecond >= ASKED_PER_SECOND,
          []
        )
      ]
    } finally {
      await writer.close()
      await handle.close()
    }
  }
}

interface Latencies {
  accepts: number[]
  finishes: number[]
  elapsedMs: number
}

interface Watched {
  perSecond: number
  acceptP50Ms: number
  acceptP99Ms: number
  finishP99Ms: number
  /** Of this process, callers included. */
  writerUs: number
  /** Of all processes of the server. */
  serverUs: number
  commitsPerSecond: number
}

/** Sessions that take turns, each a dozen, so that histories are as long as they are in practice. */
class Sessions {
  readonly #writer: TurnWriter
  readonly #orgId: string
  readonly #agentId: string
  readonly #idle: { sessionId: string; turns: number }[] = []

  constructor(writer: TurnWriter, orgId: string, agentId: string) {
    this.#writer = writer
    this.#orgId = orgId
    this.#agentId = agentId
  }

  async turn(latencies: Latencies): Promise<void> {
    const orgId = this.#orgId
    const session = this.#idle.shift() ?? { sessionId: uuidv7(), turns: 0 }
    const newSession = session.turns === 0
    const [executionId, assistantMessageId] = [uuidv7(), uuidv7()]
    const startedAt = performance.now()
    const result = await this.#writer.accept({
      executionId,
      orgId,
      userId: null,
      userScope: null,
      sessionId: session.sessionId,
      newSession,
      agentId: newSession ? this.#agentId : null,
      userMessageId: uuidv7(),
      assistantMessageId,
      content: QUESTION,
      idempotency: { key: executionId, requestHash: executionId },
      owner: 'capacity',
      historyLimit: 20
    })
    if (result.kind !== 'accepted') throw new Error(`a turn was answered with ${result.kind}`)
    const acceptedAt = performance.now()
    const finished = await this.#writer.finish({
      executionId,
      orgId,
      sessionId: session.sessionId,
      messageId: assistantMessageId,
      status: 'completed',
      messageStatus: 'complete',
      content: ANSWER,
      finishReason: 'stop',
      mode: 'direct_llm',
      attempts: 1,
      model: 'simulator',
      usage: { inputTokens: 40, outputTokens: 150, totalTokens: 190 },
      latencyMs: 1000,
      firstTokenMs: 100
    })
    if (!finished) throw new Error('a turn was not finished')
    latencies.accepts.push(acceptedAt - startedAt)
    latencies.finishes.push(performance.now() - acceptedAt)
    session.turns++
    if (session.turns < TURNS_PER_SESSION) this.#idle.push(session)
  }
}

/** Until `end`: each caller runs one turn after the other, not more often than `perSecond` in all. */
async function drive(sessions: Sessions, callers: number, end: number, perSecond?: number): Promise<Latencies> {
  const startedAt = performance.now()
  const latencies: Latencies = { accepts: [], finishes: [], elapsedMs: 0 }
  let begun = 0
  const dueAt = () => (perSecond === undefined ? 0 : startedAt + (begun++ * 1000) / perSecond)
  const call = async () => {
    for (;;) {
      const due = dueAt()
      if (Math.max(due, performance.now()) >= end) return
      const waitMs = due - performance.now()
      if (waitMs > 0) await pause(waitMs)
      await sessions.turn(latencies)
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  latencies.elapsedMs = performance.now() - startedAt
  return latencies
}

async function watched({ pool }: DatabaseHandle, run: () => Promise<Latencies>): Promise<Watched> {
  const cpuOfServer = async () => {
    const { rows } = await pool.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'capacity' or backend_type <> 'client backend'`
    )
    return new Map(rows.map(({ pid }) => [pid, usageOf(pid).cpuSeconds]))
  }
  const commits = async () => {
    // A backend reports what it did when it idles, at most once a second.
    await pause(1500)
    const { rows } = await pool.query<{ commits: number }>(
      'select xact_commit as commits from pg_stat_database where datname = current_database()'
    )
    return rows[0]?.commits ?? 0
  }
  const commitsBefore = await commits()
  const serverBefore = await cpuOfServer()
  const cpuBefore = process.cpuUsage()
  const { accepts, finishes, elapsedMs } = await run()
  const cpu = process.cpuUsage(cpuBefore)
  let serverSeconds = 0
  for (const [pid, seconds] of await cpuOfServer()) serverSeconds += seconds - (serverBefore.get(pid) ?? 0)
  const turns = accepts.length
  const [accept, finish] = [Float64Array.from(accepts).sort(), Float64Array.from(finishes).sort()]
  return {
    perSecond: (turns * 1000) / elapsedMs,
    acceptP50Ms: quantile(accept, 0.5),
    acceptP99Ms: quantile(accept, 0.99),
    finishP99Ms: quantile(finish, 0.99),
    writerUs: (cpu.user + cpu.system) / turns,
    serverUs: (serverSeconds * 1e6) / turns,
    commitsPerSecond: ((await commits()) - commitsBefore) / (elapsedMs / 1000)
  }
}

function describe(seen: Watched): string {
  return (
    `${seen.perSecond.toFixed(0)}/s in ${seen.commitsPerSecond.toFixed(0)} commits/s, accept p50 ` +
    `${seen.acceptP50Ms.toFixed(0)} p99 ${seen.acceptP99Ms.toFixed(0)} ms, finish p99 ${seen.finishP99Ms.toFixed(0)} ms; ` +
    `CPU of a turn: server ${seen.serverUs.toFixed(0)} us, writer ${seen.writerUs.toFixed(0)} us`
  )
}
