import { type Kysely, sql } from 'kysely'

// The secondary indexes that begin with org_id are partial: a look-up by (org_id, id) does not state their
// predicate, so that the planner cannot take one of them for the primary key while its statistics are young.
// Times have milliseconds, as in JavaScript, so that a time that went out to a client comes back unchanged.
const STATEMENTS = [
  sql`create table organizations (
    id uuid primary key,
    slug text not null constraint organizations_slug_key unique,
    name text not null,
    is_active boolean not null default true,
    settings jsonb not null default '{}',
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now())`,

  sql`create table users (
    org_id uuid not null,
    id uuid not null,
    external_id text not null,
    created_at timestamptz(3) not null default now(),
    primary key (org_id, id),
    constraint users_org_id_external_id_key unique (org_id, external_id))`,

  sql`create table api_keys (
    org_id uuid not null,
    id text not null,
    name text not null,
    role text not null check (role in ('admin', 'member')),
    key_hash bytea not null constraint api_keys_key_hash_key unique,
    created_at timestamptz(3) not null default now(),
    last_used_at timestamptz(3),
    revoked_at timestamptz(3),
    constraint api_keys_pkey primary key (org_id, id))`,

  sql`create table agents (
    org_id uuid not null,
    id uuid not null,
    slug text not null,
    name text not null,
    system_prompt text not null default '',
    model text,
    temperature double precision,
    max_tokens integer,
    tools text[] not null default '{}',
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    primary key (org_id, id),
    constraint agents_org_id_slug_key unique (org_id, slug))`,

  // Each turn updates its session; free space in the page lets that happen without touching an index.
  sql`create table sessions (
    org_id uuid not null,
    id uuid not null,
    agent_id uuid not null,
    user_id uuid,
    title text,
    status text not null default 'active',
    next_seq bigint not null default 1,
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    deleted_at timestamptz(3),
    primary key (org_id, id)) with (fillfactor = 80)`,
  sql`create index idx_sessions_org_id on sessions (org_id, created_at desc, id desc) where deleted_at is null`,
  sql`create index sessions_user_idx on sessions (org_id, user_id, created_at desc, id desc) where user_id is not null`,

  sql`create table executions (
    org_id uuid not null,
    id uuid not null,
    session_id uuid not null,
    user_id uuid,
    agent_id uuid not null,
    owner text not null,
    status text not null check (status in ('running', 'waiting_approval', 'completed', 'failed', 'cancelled')),
    seq bigint not null,
    user_message_id uuid not null,
    assistant_message_id uuid not null,
    mode text,
    attempts integer not null default 0,
    model text,
    finish_reason text,
    usage jsonb,
    last_seq bigint,
    error_code text,
    error_message text,
    fallback_reason text,
    latency_ms double precision,
    first_token_ms double precision,
    finish_token uuid,
    created_at timestamptz(3) not null default now(),
    ended_at timestamptz(3),
    primary key (org_id, id),
    constraint executions_ended check ((status in ('running', 'waiting_approval')) = (ended_at is null)))`,
  sql`create unique index executions_running_key on executions (org_id, session_id)
    where status in ('running', 'waiting_approval')`,
  sql`create index executions_recent_idx on executions (org_id, created_at desc, id desc) where seq > 0`,
  sql`create index executions_ended_idx on executions (org_id, ended_at) where ended_at is not null`,
  sql`create index executions_owner_idx on executions (owner) where status = 'running'`,
  sql`create index executions_age_idx on executions using brin (created_at)`,

  sql`create table tool_calls (
    org_id uuid not null,
    execution_id uuid not null,
    id text not null,
    name text not null,
    source text not null,
    effect text not null,
    status text not null,
    input jsonb,
    output jsonb,
    error_code text,
    error_message text,
    duration_ms bigint,
    created_at timestamptz(3) not null default now(),
    ended_at timestamptz(3),
    primary key (org_id, execution_id, id))`,
  sql`create index tool_calls_age_idx on tool_calls using brin (created_at)`,

  sql`create table idempotency_keys (
    org_id uuid not null,
    key text not null,
    request_hash text not null,
    execution_id uuid not null,
    session_id uuid not null,
    message_id uuid not null,
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3) not null,
    primary key (org_id, key))`,
  sql`create index idempotency_keys_expiry_idx on idempotency_keys (expires_at)`,

  sql`create table fallback_events (
    id uuid primary key,
    runtime text not null default 'default',
    kind text not null check (kind in ('transition', 'force', 'reset')),
    state text not null,
    reason text not null,
    detail text not null default '',
    evidence jsonb,
    actor text,
    instance text,
    expires_at timestamptz(3),
    created_at timestamptz(3) not null default now())`,
  sql`create index fallback_events_recent_idx on fallback_events (runtime, created_at desc, id desc)`,

  sql`create table service_instances (
    id text primary key,
    kind text not null,
    started_at timestamptz(3) not null default now(),
    seen_at timestamptz(3) not null default now(),
    steady_since timestamptz(3) not null default now())`
]

/** Every table but `messages`. No foreign keys: rows are sharded and removed by age, table by table. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await statement.execute(db)
}
