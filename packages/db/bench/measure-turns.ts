/**
 * Measures the turn writer: pairs of accept and finish per second, CPU of this process per pair, and rows per
 * commit, with 1 and with 64 callers that each wait for their own turn. What the callers themselves cost (ids,
 * timing) is measured in the same run with a writer that does nothing, and subtracted.
 *
 *     node --conditions=@semibot/source packages/db/bench/measure-turns.ts [seconds per run, default 5]
 *
 * Uses the server of DATABASE_URL, in a database of its own; without it a PostgreSQL is started for the run,
 * with fsync and synchronous_commit on.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@semibot/stack'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import {
  createDatabase,
  createOrganization,
  createTurnWriter,
  findAgent,
  migrateToLatest,
  type TurnWriter
} from '../src/index.ts'

const QUESTION = 'What is the status of my order? '.repeat(6)
const ANSWER = 'Your order was sent yesterday and will arrive soon. '.repeat(15)
const TURNS_PER_SESSION = 12

interface Figures {
  callers: number
  history: number
  pairsPerSecond: number
  /** Of this process, without the callers. */
  cpuPerPairUs: number
  /** Of the server's processes that serve this one; only on Linux and on the same machine. */
  serverCpuPerPairUs: number
  rowsPerCommit: number
  p50Ms: number
  p99Ms: number
}

interface Run {
  latencies: number[]
  elapsedMs: number
  cpuUs: number
}

/** So many callers, each of which runs one turn after the other until the time is over. */
async function drive(
  writer: Pick<TurnWriter, 'accept' | 'finish'>,
  organization: { orgId: string; agentId: string },
  { callers, history, seconds }: { callers: number; history: number; seconds: number }
): Promise<Run> {
  const latencies: number[] = []
  const cpuBefore = process.cpuUsage()
  const started = performance.now()
  const end = started + seconds * 1000

  async function call(): Promise<void> {
    for (let turn = 0, sessionId = uuidv7(); performance.now() < end; turn++) {
      const newSession = turn % TURNS_PER_SESSION === 0
      if (newSession) sessionId = uuidv7()
      const began = performance.now()
      await runTurn(writer, organization, sessionId, newSession, history)
      latencies.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  const cpu = process.cpuUsage(cpuBefore)
  return { latencies, elapsedMs: performance.now() - started, cpuUs: cpu.user + cpu.system }
}

/** CPU of the callers alone, per pair. */
async function measureCallers(organization: { orgId: string; agentId: string }): Promise<number> {
  const nothing = { accept: async () => ({ kind: 'idempotency_mismatch' as const }), finish: async () => true }
  const { latencies, cpuUs } = await drive(nothing, organization, { callers: 1, history: 0, seconds: 1 })
  return cpuUs / latencies.length
}

async function measure(
  pool: pg.Pool,
  organization: { orgId: string; agentId: string },
  callers: number,
  history: number,
  seconds: number
): Promise<Figures> {
  const writer = createTurnWriter(pool)
  await drive(writer, organization, { callers, history, seconds: 2 })
  const commitsBefore = await countCommits(pool)
  const pids = await backendPids(pool)
  const serverCpuBefore = serverCpuMs(pids)
  const { latencies, elapsedMs, cpuUs } = await drive(writer, organization, { callers, history, seconds })
  const serverCpu = serverCpuMs(pids) - serverCpuBefore
  const commits = (await countCommits(pool)) - commitsBefore
  await writer.close()

  const pairs = latencies.length
  latencies.sort((a, b) => a - b)
  return {
    callers,
    history,
    pairsPerSecond: Math.round((pairs / elapsedMs) * 1000),
    cpuPerPairUs: Math.round(cpuUs / pairs - (await measureCallers(organization))),
    serverCpuPerPairUs: Math.round((serverCpu * 1000) / pairs),
    // The two messages and the execution; that execution and session are updated too is left out.
    rowsPerCommit: Math.round((pairs * 30) / commits) / 10,
    p50Ms: Math.round((latencies[Math.floor(pairs * 0.5)] ?? 0) * 100) / 100,
    p99Ms: Math.round((latencies[Math.floor(pairs * 0.99)] ?? 0) * 100) / 100
  }
}

async function runTurn(
  writer: Pick<TurnWriter, 'accept' | 'finish'>,
  { orgId, agentId }: { orgId: string; agentId: string },
  sessionId: string,
  newSession: boolean,
  historyLimit: number
): Promise<void> {
  const executionId = uuidv7()
  const messageId = uuidv7()
  await writer.accept({
    executionId,
    orgId,
    userId: null,
    userScope: null,
    sessionId,
    newSession,
    agentId: newSession ? agentId : null,
    userMessageId: uuidv7(),
    assistantMessageId: messageId,
    content: QUESTION,
    owner: 'bench',
    historyLimit
  })
  const finished = await writer.finish({
    executionId,
    orgId,
    sessionId,
    messageId,
    status: 'completed',
    messageStatus: 'complete',
    content: ANSWER,
    finishReason: 'stop',
    mode: 'direct_llm',
    attempts: 1,
    model: 'simulator',
    usage: { inputTokens: 100, outputTokens: 200, totalTokens: 300 },
    latencyMs: 1234,
    firstTokenMs: 123
  })
  if (!finished) throw new Error('a turn was not finished')
}

async function backendPids(pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query("select pid from pg_stat_activity where application_name = 'bench'")
  return rows.map((row) => row.pid as number)
}

/** proc(5): fields 14 and 15 of stat, in hundredths of a second. */
function serverCpuMs(pids: number[]): number {
  let total = 0
  for (const pid of pids) {
    const path = `/proc/${pid}/stat`
    if (!existsSync(path)) continue
    const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? []
    total += (Number(fields[11]) + Number(fields[12])) * 10
  }
  return total
}

async function countCommits(pool: pg.Pool): Promise<number> {
  // A backend reports its figures at most once a second, unless it is told to.
  await pool.query('select pg_stat_clear_snapshot()')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const { rows } = await pool.query('select xact_commit from pg_stat_database where datname = current_database()')
  return Number(rows[0].xact_commit)
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 5)
  const folder = mkdtempSync(join(tmpdir(), 'semibot-db-bench-'))
  const server = process.env.DATABASE_URL ? undefined : await startPostgres({ dataDir: join(folder, 'data') })
  const admin = new pg.Client(process.env.DATABASE_URL ?? server?.adminUrl)
  await admin.connect()
  const name = `semibot_bench_${process.pid}`
  await admin.query(`create database ${name}`)
  const url = new URL(process.env.DATABASE_URL ?? server?.adminUrl ?? '')
  url.pathname = `/${name}`
  try {
    await migrateToLatest(url.href)
    const { db, pool, close } = createDatabase({ url: url.href, max: 10, applicationName: 'bench' })
    const { id: orgId } = await createOrganization(db, { slug: 'bench', name: 'Bench' })
    const agentId = (await findAgent(db, orgId, 'default'))?.id ?? ''
    const figures: Figures[] = []
    for (const callers of [1, 64]) {
      for (const history of [0, 20]) figures.push(await measure(pool, { orgId, agentId }, callers, history, seconds))
    }
    console.table(figures)
    await close()
  } finally {
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.end()
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
