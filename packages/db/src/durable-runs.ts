import { setTimeout as wait } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { notifyCancel } from './cancel-notices.ts'
import { cancelDurableRun, type DurableStatus } from './durable-executions.ts'
import type { Database } from './schema.ts'

/** A run of the journal as an operator sees it. */
export interface DurableRun {
  executionId: string
  orgId: string
  /** Slug of the organisation. */
  org: string
  sessionId: string
  agent: string
  status: DurableStatus
  /** The runtime process that owns it; null: given up, and not taken yet. */
  owner: string | null
  /** Whether that process was heard of lately. */
  ownerAlive: boolean
  /** How many processes have owned it. */
  owners: number
  steps: number
  /** Tool calls of which nobody knows whether they took effect. */
  unknownSteps: number
  createdAt: Date
  endedAt: Date | null
}

/** One step of a run, without what was said in it. */
export interface DurableStep {
  name: string
  effect: string
  /** Of the result of a tool; null for a model call and for a step without a result. */
  status: string | null
  /** Number of the owner that began it or wrote its result. */
  epoch: number
  beganAt: Date
  /** null: it is under way, or its process died in it. */
  recordedAt: Date | null
}

/** A run with its steps. */
export interface DurableRunDetail extends DurableRun {
  stepList: DurableStep[]
}

/** A tool call that was started and never finished: an operator has to look whether it took effect. */
export interface UnknownStep {
  executionId: string
  orgId: string
  org: string
  sessionId: string
  toolCallId: string
  tool: string
  beganAt: Date
}

/** A process that was not heard of for this long has lost its runs. */
const ALIVE_SECONDS = 5

/** The newest runs, newest first. `status` and `orgId` narrow. */
export async function listDurableRuns(
  db: Kysely<Database>,
  options: { status?: DurableStatus | undefined; orgId?: string | undefined; limit: number }
): Promise<DurableRun[]> {
  const { status, orgId, limit } = options
  const byStatus = status === undefined ? sql`` : sql`and d.status = ${status}`
  const byOrg = orgId === undefined ? sql`` : sql`and d.org_id = ${orgId}`
  const { rows } = await sql<DurableRun>`
    ${RUN} where true ${byStatus} ${byOrg} order by d.created_at desc, d.id desc limit ${limit}`.execute(db)
  return rows
}

/** One run with its steps, in the order in which they began; undefined when the journal has none of this id. */
export async function findDurableRun(db: Kysely<Database>, executionId: string): Promise<DurableRunDetail | undefined> {
  const { rows } = await sql<DurableRun>`${RUN} where d.id = ${executionId}`.execute(db)
  const [run] = rows
  if (run === undefined) return undefined
  const steps = await db
    .selectFrom('execution_steps')
    .select(['name', 'effect', 'status', 'epoch', 'began_at as beganAt', 'recorded_at as recordedAt'])
    .where('org_id', '=', run.orgId)
    .where('execution_id', '=', executionId)
    .orderBy('began_at')
    .orderBy('name')
    .limit(1000)
    .execute()
  return { ...run, stepList: steps }
}

/** The newest tool calls with an unknown result, newest first. `orgId` narrows. */
export async function listUnknownSteps(
  db: Kysely<Database>,
  options: { orgId?: string | undefined; limit: number }
): Promise<UnknownStep[]> {
  const { orgId, limit } = options
  const byOrg = orgId === undefined ? sql`` : sql`and s.org_id = ${orgId}`
  const { rows } = await sql<Omit<UnknownStep, 'toolCallId' | 'tool'> & { name: string }>`
    select s.execution_id as "executionId", s.org_id as "orgId", coalesce(o.slug, '') as org,
      d.session_id as "sessionId", s.name, s.began_at as "beganAt"
    from execution_steps s
    join durable_executions d on d.org_id = s.org_id and d.id = s.execution_id
    left join organizations o on o.id = s.org_id
    where ${UNKNOWN} ${byOrg} order by s.began_at desc limit ${limit}`.execute(db)
  return rows.map(({ name, ...row }) => {
    // tool:<id of the call>:<name of the tool>; only the id may have colons in it.
    const parts = name.split(':')
    return { ...row, toolCallId: parts.slice(1, -1).join(':'), tool: parts.at(-1) ?? '' }
  })
}

/**
 * Cancels a run: first the api that serves it is asked, which tells its runtime and its client; when nobody has ended
 * it within `waitMs`, it is ended in the journal, and refused to its owner at the next step. Resolves with how the
 * run then stands; undefined when the journal has none of this id.
 */
export async function cancelRun(
  db: Kysely<Database>,
  executionId: string,
  waitMs = 2000
): Promise<DurableStatus | undefined> {
  const run = await findDurableRun(db, executionId)
  if (run?.status !== 'running') return run?.status
  await notifyCancel(db, executionId)
  for (let waitedMs = 0; waitedMs < waitMs; waitedMs += CANCEL_POLL_MS) {
    await wait(CANCEL_POLL_MS)
    const status = (await findDurableRun(db, executionId))?.status
    if (status !== 'running') return status
  }
  await cancelDurableRun(db, run.orgId, executionId)
  return (await findDurableRun(db, executionId))?.status
}

const CANCEL_POLL_MS = 100

/** It was declared unknown, or its run was ended while it was under way. */
const UNKNOWN = sql`s.effect = 'unsafe' and (s.status = 'unknown' or s.recorded_at is null) and (s.status = 'unknown' or d.status <> 'running')`

const RUN = sql`
  select d.id as "executionId", d.org_id as "orgId", coalesce(o.slug, '') as org, d.session_id as "sessionId", d.agent,
    d.status, d.owner, d.epoch as owners, d.created_at as "createdAt", d.ended_at as "endedAt",
    exists (select from runtime_leases l
      where l.instance = d.owner and l.seen_at >= now() - make_interval(secs => ${ALIVE_SECONDS})) as "ownerAlive",
    (select count(*) from execution_steps s where s.org_id = d.org_id and s.execution_id = d.id) as steps,
    (select count(*) from execution_steps s where s.org_id = d.org_id and s.execution_id = d.id
      and ${UNKNOWN}) as "unknownSteps"
  from durable_executions d left join organizations o on o.id = d.org_id`
