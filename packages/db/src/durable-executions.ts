import { type Kysely, sql } from 'kysely'
import { rethrowCommitted } from './classify-error.ts'
import type { Database } from './schema.ts'

/** One run in the journal, and the owner and epoch under which this process writes. */
export interface DurableRunRef {
  orgId: string
  executionId: string
  /** The runtime process that owns the run. */
  owner: string
  /** Counts the owners of the run, from 1: the fencing token. */
  epoch: number
}

/** A run that enters the journal. */
export interface NewDurableRun extends Omit<DurableRunRef, 'epoch'> {
  sessionId: string
  messageId: string
  /** Slug of the agent. */
  agent: string
  /** What is to be run; kept until the run has ended. */
  request: unknown
  /** How long the run may take from now on, milliseconds. */
  remainingMs: number
  /** Steps that were done before the run became durable. */
  steps: readonly RecordedStep[]
}

/** A step with its result, as it will be given back. */
export interface RecordedStep {
  /** Unique in its run. */
  name: string
  effect: string
  result: unknown
  /** Of a tool call: chat-protocol's tool status. */
  status?: string | undefined
}

/** How far a run is; all but `running` are final. */
export type DurableStatus = 'running' | 'completed' | 'failed' | 'cancelled'

/** What a process gets that wants to take a run over. */
export type DurableClaim =
  | { kind: 'taken'; epoch: number; request: unknown; steps: { name: string; result: unknown }[] }
  /** Its owner lives, or this process is not steady enough to call others dead. */
  | { kind: 'held' }
  | { kind: 'ended'; status: Exclude<DurableStatus, 'running'>; outcome: unknown }
  /** It never became durable. */
  | { kind: 'none' }

/**
 * Says that a runtime process lives, and for how long it has done so without a gap of more than `leaseMs`. To be
 * called several times within that time. One statement.
 */
export async function renewLease(db: Kysely<Database>, instance: string, leaseMs: number): Promise<void> {
  await sql`
    insert into runtime_leases as l (instance) values (${instance})
    on conflict (instance) do update set
      steady_since = case when l.seen_at < now() - ${milliseconds(leaseMs)} then now() else l.steady_since end,
      seen_at = now()`.execute(db)
}

/** Says that a runtime process ends: its runs are free from now on. Removes the leases of those long dead, too. */
export async function endLease(db: Kysely<Database>, instance: string): Promise<void> {
  await sql`delete from runtime_leases where instance = ${instance} or seen_at < now() - interval '1 day'`.execute(db)
}

/**
 * Writes a run into the journal, with the steps that it has made. Repeating the call changes nothing.
 * @returns whether this process owns the run now; false when it is another's, or ended
 */
export async function beginDurableRun(db: Kysely<Database>, run: NewDurableRun): Promise<boolean> {
  const { orgId, executionId, sessionId, messageId, agent, owner, request, remainingMs, steps } = run
  const { rows } = await sql<{ owned: boolean }>`
    with run as (
      insert into durable_executions as d (org_id, id, session_id, message_id, agent, status, owner, request, deadline_at)
      values (${orgId}, ${executionId}, ${sessionId}, ${messageId}, ${agent}, 'running', ${owner},
        ${toJson(request)}::json, now() + ${milliseconds(remainingMs)})
      on conflict (org_id, id) do update set owner = d.owner
        where d.owner = excluded.owner and d.epoch = 1 and d.status = 'running'
      returning 1),
    steps as (
      insert into execution_steps (org_id, execution_id, name, effect, epoch, status, result, recorded_at)
      select ${orgId}, ${executionId}, s.name, s.effect, 1, s.status, s.result::json, now()
      from unnest(${steps.map(({ name }) => name)}::text[], ${steps.map(({ effect }) => effect)}::text[],
        ${steps.map(({ status }) => status ?? null)}::text[], ${steps.map(({ result }) => toJson(result))}::text[])
        as s (name, effect, status, result)
      where exists (select from run)
      on conflict do nothing)
    select exists (select from run) as owned`.execute(db)
  return rows[0]?.owned ?? false
}

/**
 * Takes a run over whose owner has given it up or was not heard of for `leaseMs`, by the clock of the server. A
 * process may call others dead only when it has renewed its own lease for that long without a gap: after an outage
 * of the database everybody looks dead. What is its own it may take again at any time, when the answer
 * to an earlier claim was lost: the new epoch fences whatever else it does under the old one.
 *
 * `onTaking` is told the epoch under which it will be this process's, before it is asked for: under that one a run is
 * given back whose claim rejected with a DatabaseUnavailableError of unknown commit.
 */
export async function claimDurableRun(
  db: Kysely<Database>,
  { orgId, executionId, owner }: Omit<DurableRunRef, 'epoch'>,
  leaseMs: number,
  onTaking?: (epoch: number) => void
): Promise<DurableClaim> {
  const lease = milliseconds(leaseMs)
  const found = await db
    .selectFrom('durable_executions')
    .select(['status', 'outcome', 'owner as holder', 'epoch'])
    .where('org_id', '=', orgId)
    .where('id', '=', executionId)
    .executeTakeFirst()
  if (found === undefined) return { kind: 'none' }
  const { status, outcome, holder, epoch } = found
  if (status !== 'running') return { kind: 'ended', status, outcome }
  const free = holder === null || holder === owner
  onTaking?.(epoch + 1)
  // Holder and epoch as they were seen: a condition on another table would not be looked at again for a row that
  // somebody else has changed meanwhile (EvalPlanQual), and two processes could take the run one after the other.
  const taken = await sql<{ epoch: number; request: unknown }>`
    update durable_executions d set owner = ${owner}, epoch = d.epoch + 1, taken_at = now()
    where d.org_id = ${orgId} and d.id = ${executionId} and d.status = 'running'
      and d.owner is not distinct from ${holder} and d.epoch = ${epoch}
      and exists (select from runtime_leases me where me.instance = ${owner} and me.seen_at >= now() - ${lease}
        and (${free} or me.steady_since <= now() - ${lease}))
      and (${free} or not exists (
        select from runtime_leases l where l.instance = ${holder} and l.seen_at >= now() - ${lease}))
    returning d.epoch, d.request`.execute(db)
  const run = taken.rows[0]
  if (run === undefined) return { kind: 'held' }
  return { kind: 'taken', ...run, steps: await listRecordedSteps(db, orgId, executionId).catch(rethrowCommitted) }
}

/** Whether this process still owns the run. */
export async function ownsDurableRun(db: Kysely<Database>, run: DurableRunRef): Promise<boolean> {
  const { rows } = await sql<{ owned: boolean }>`select exists (${owned(run)}) as owned`.execute(db)
  return rows[0]?.owned ?? false
}

/**
 * Notes that a step begins, before it does anything: whoever finds the note without a result knows that the step may
 * have had its effect.
 * @returns undefined when this process does not own the run any more: the step must not be begun
 */
export async function beginStep(
  db: Kysely<Database>,
  run: DurableRunRef,
  { name, effect }: Pick<RecordedStep, 'name' | 'effect'>
): Promise<{ begunBefore: boolean } | undefined> {
  // Reads see the table as it was before the statement: an earlier note of the same epoch is this call, repeated.
  const { rows } = await sql<{ owned: boolean; begun: boolean }>`
    with run as (${owned(run)} for share),
    earlier as (
      select from execution_steps where org_id = ${run.orgId} and execution_id = ${run.executionId}
        and name = ${name} and epoch < ${run.epoch}),
    note as (
      insert into execution_steps (org_id, execution_id, name, effect, epoch)
      select ${run.orgId}, ${run.executionId}, ${name}, ${effect}, ${run.epoch} from run
      on conflict do nothing)
    select exists (select from run) as owned, exists (select from earlier) as begun`.execute(db)
  const [row] = rows
  return row?.owned ? { begunBefore: row.begun } : undefined
}

/**
 * Writes down the result of a step, once: a repetition leaves the first one.
 * @returns false when this process does not own the run any more; nothing was written then
 */
export async function recordStep(db: Kysely<Database>, run: DurableRunRef, step: RecordedStep): Promise<boolean> {
  const { name, effect, result, status = null } = step
  const { rows } = await sql<{ owned: boolean }>`
    with run as (${owned(run)} for share),
    step as (
      insert into execution_steps as s (org_id, execution_id, name, effect, epoch, status, result, recorded_at)
      select ${run.orgId}, ${run.executionId}, ${name}, ${effect}, ${run.epoch}, ${status}, ${toJson(result)}::json, now()
      from run
      on conflict (org_id, execution_id, name) do update
        set epoch = excluded.epoch, status = excluded.status, result = excluded.result, recorded_at = excluded.recorded_at
        where s.recorded_at is null)
    select exists (select from run) as owned`.execute(db)
  return rows[0]?.owned ?? false
}

/** Ends a run; `outcome` is kept for whoever missed it. @returns false when it was not this process's to end */
export async function endDurableRun(
  db: Kysely<Database>,
  { orgId, executionId, owner, epoch }: DurableRunRef,
  status: Exclude<DurableStatus, 'running'>,
  outcome: unknown
): Promise<boolean> {
  const { rows } = await sql<{ ended: boolean }>`
    with run as (
      update durable_executions set status = ${status}, outcome = ${toJson(outcome)}::json, request = null, ended_at = now()
      where org_id = ${orgId} and id = ${executionId} and owner = ${owner} and epoch = ${epoch} and status = 'running'
      returning 1)
    select exists (select from run) or exists (
      select from durable_executions where org_id = ${orgId} and id = ${executionId} and epoch = ${epoch}
        and status = ${status}) as ended`.execute(db)
  return rows[0]?.ended ?? false
}

/** Gives a run up, so that another process can take it at once. */
export async function releaseDurableRun(db: Kysely<Database>, run: DurableRunRef): Promise<void> {
  await sql`
    update durable_executions set owner = null
    where org_id = ${run.orgId} and id = ${run.executionId} and owner = ${run.owner} and epoch = ${run.epoch}
      and status = 'running'`.execute(db)
}

/** Ends a running run as cancelled, whoever owns it: its owner is refused at its next step. @returns whether it ran */
export async function cancelDurableRun(db: Kysely<Database>, orgId: string, executionId: string): Promise<boolean> {
  const result = await sql`
    update durable_executions set status = 'cancelled', request = null, ended_at = now()
    where org_id = ${orgId} and id = ${executionId} and status = 'running'`.execute(db)
  return (result.numAffectedRows ?? 0n) > 0n
}

/**
 * As `cancelDurableRun`, and a run that has not entered the journal yet is refused when it wants to: its process may
 * be out of reach, and must not begin a tool any more.
 */
export async function forbidDurableRun(
  db: Kysely<Database>,
  run: Pick<NewDurableRun, 'orgId' | 'executionId' | 'sessionId' | 'messageId' | 'agent'>
): Promise<void> {
  await sql`
    insert into durable_executions as d (org_id, id, session_id, message_id, agent, status, deadline_at, ended_at)
    values (${run.orgId}, ${run.executionId}, ${run.sessionId}, ${run.messageId}, ${run.agent}, 'cancelled', now(), now())
    on conflict (org_id, id) do update set status = 'cancelled', request = null, ended_at = now()
      where d.status = 'running'`.execute(db)
}

/** Ends runs whose deadline passed a minute ago and that nobody has ended: their processes are gone. @returns how many */
export async function endOverdueRuns(db: Kysely<Database>): Promise<number> {
  const result = await sql`
    update durable_executions set status = 'failed', request = null, ended_at = now()
    where status = 'running' and deadline_at < now() - interval '1 min'`.execute(db)
  return Number(result.numAffectedRows ?? 0)
}

async function listRecordedSteps(db: Kysely<Database>, orgId: string, executionId: string) {
  return await db
    .selectFrom('execution_steps')
    .select(['name', 'result'])
    .where('org_id', '=', orgId)
    .where('execution_id', '=', executionId)
    .where('recorded_at', 'is not', null)
    .execute()
}

/** The row of a run that this process owns; with `for share` nobody can take it over until the statement is done. */
function owned({ orgId, executionId, owner, epoch }: DurableRunRef) {
  return sql`
    select 1 from durable_executions where org_id = ${orgId} and id = ${executionId} and owner = ${owner}
      and epoch = ${epoch} and status = 'running'`
}

function milliseconds(value: number) {
  return sql`make_interval(secs => ${value / 1000})`
}

function toJson(value: unknown): string {
  return JSON.stringify(value) ?? 'null'
}
