import { type Kysely, sql } from 'kysely'

const STATEMENTS = [
  // The partition key has to be in the primary key; a message's UUIDv7 holds the same time as created_at, so
  // that a look-up by id can still name one partition.
  sql`create table messages (
    org_id uuid not null,
    id uuid not null,
    session_id uuid not null,
    parent_id uuid,
    execution_id uuid,
    seq bigint not null,
    role text not null check (role in ('user', 'assistant', 'system', 'tool')),
    content text not null,
    status text not null check (status in ('streaming', 'complete', 'partial', 'failed', 'cancelled')),
    client_message_id text,
    created_at timestamptz(3) not null,
    primary key (org_id, id, created_at)) partition by range (created_at)`,
  // By seq and not by time: the clocks of two api machines may differ, seq is given out under a row lock.
  sql`create index idx_messages_session_id on messages (session_id, seq)`,
  sql`create index messages_age_idx on messages using brin (created_at)`,
  // Catches what falls outside of the months; upkeep moves its rows into the month's own partition.
  sql`create table messages_default partition of messages default`,

  // RFC 9562, section 5.7: the first 48 bits of a UUID of version 7 are milliseconds since 1970.
  // PostgreSQL has uuid_extract_timestamp for it from 17 on only.
  sql`create function semibot_uuid_time(id uuid) returns timestamptz
    language sql immutable parallel safe
    as $$
      select timestamptz 'epoch'
        + ('x0000' || left(id::text, 8) || substr(id::text, 10, 4))::bit(64)::bigint * interval '1 millisecond'
    $$`
]

/** The partitioned table of messages; `ensurePartitions` makes its months. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await statement.execute(db)
}
