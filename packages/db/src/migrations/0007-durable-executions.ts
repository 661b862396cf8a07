import { type Kysely, sql } from 'kysely'

// A run is owned by one runtime process, and `epoch` counts its owners: whoever writes names the owner and the epoch
// that it believes in, so that a process that was paused and replaced meanwhile is refused (a fencing token).
// json and not jsonb: what is replayed must be the text that was recorded, byte for byte.
// Two rows decide whether an owner lives: its own lease, by the clock of this server, and the run's `owner`.
const STATEMENTS = [
  sql`create table runtime_leases (
    instance text primary key,
    seen_at timestamptz(3) not null default now(),
    steady_since timestamptz(3) not null default now())`,

  sql`create table durable_executions (
    org_id uuid not null,
    id uuid not null,
    session_id uuid not null,
    message_id uuid not null,
    agent text not null,
    status text not null check (status in ('running', 'completed', 'failed', 'cancelled')),
    owner text,
    epoch integer not null default 1,
    request json,
    outcome json,
    deadline_at timestamptz(3) not null,
    created_at timestamptz(3) not null default now(),
    taken_at timestamptz(3) not null default now(),
    ended_at timestamptz(3),
    primary key (org_id, id),
    constraint durable_executions_ended check ((status = 'running') = (ended_at is null)))`,
  sql`create index durable_executions_overdue_idx on durable_executions (deadline_at) where status = 'running'`,
  // Operators and other services know a run by its id alone.
  sql`create unique index durable_executions_id_key on durable_executions (id)`,
  sql`create index durable_executions_recent_idx on durable_executions (created_at desc, id desc)`,

  sql`create table execution_steps (
    org_id uuid not null,
    execution_id uuid not null,
    name text not null,
    effect text not null,
    epoch integer not null,
    status text,
    result json,
    began_at timestamptz(3) not null default now(),
    recorded_at timestamptz(3),
    primary key (org_id, execution_id, name))`,
  sql`create index execution_steps_age_idx on execution_steps using brin (began_at)`,
  // Few rows: unsafe steps without a known result, and steps under way.
  sql`create index execution_steps_unknown_idx on execution_steps (began_at desc)
    where effect = 'unsafe' and (status = 'unknown' or recorded_at is null)`
]

/** The journal of runs that outlive their process. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await statement.execute(db)
}
