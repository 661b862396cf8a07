import { type Kysely, sql } from 'kysely'
import { TURN_FUNCTION_SETTINGS } from './turn-function-settings.ts'

// With rows as the only cost the planner looks each one up by its key, also while it believes that a table is empty: a
// plan that reads a whole index would be kept until the statistics of the grown table are in.
const SET_FUNCTION_SETTINGS = sql`${TURN_FUNCTION_SETTINGS}
  set random_page_cost = 0
  set cpu_tuple_cost = 1`

/**
 * The time in a UUID of version 7 as before, in functions that are immutable: so PostgreSQL puts the expression in
 * the place of the call, which was half of the work of storing a message.
 */
const UUID_TIME = sql`
  create or replace function semibot_uuid_time(id uuid) returns timestamptz
  language sql immutable parallel safe
  as $$
    select to_timestamp(
      ('x0000' || left(id::text, 8) || substr(id::text, 10, 4))::bit(64)::bigint / double precision '1000'
    )::timestamptz(3)
  $$`

const ACCEPT_COLUMNS = sql.raw(`
    item integer, execution_id uuid, org_id uuid, user_id uuid, user_scope uuid, session_id uuid,
    new_session boolean, agent_id uuid, user_message_id uuid, assistant_message_id uuid, content text,
    created_at bigint, idempotency_key text, request_hash text, owner text, history_limit integer,
    client_message_id text`)

const FINISH_COLUMNS = sql.raw(`
    item integer, execution_id uuid, org_id uuid, message_id uuid, status text, message_status text,
    content text, finish_reason text, mode text, attempts integer, model text, usage jsonb, error_code text,
    error_message text, latency_ms double precision, first_token_ms double precision, fallback_reason text,
    last_seq bigint, finish_token uuid`)

// "rows 1" is what makes the planner look up each item by its key, whatever it knows of the tables: with the 100 rows
// that it guesses for JSON it would rather read a whole index of a young table, and keep to that while it grows.
const ACCEPT_ITEMS = sql`
  create function semibot_accept_items_v2(p_items json, p_without integer[])
  returns table (${ACCEPT_COLUMNS})
  language plpgsql rows 1
  as $$
  begin
    return query
    select * from json_to_recordset(p_items) as x(${ACCEPT_COLUMNS})
    where x.item <> all (p_without)
    order by x.org_id, x.session_id;
  end $$`

const FINISH_ITEMS = sql`
  create function semibot_finish_items_v2(p_items json, p_without integer[])
  returns table (${FINISH_COLUMNS})
  language plpgsql rows 1
  as $$
  begin
    return query
    select * from json_to_recordset(p_items) as x(${FINISH_COLUMNS})
    where x.item <> all (p_without)
    order by x.org_id, x.execution_id, x.item;
  end $$`

/**
 * Accepts a batch of turns of different sessions with different idempotency keys, each table with one statement: the
 * start of a statement costs several times what a row in it does. Locks and answers are those of
 * `semibot_accept_turns_v1`, which still takes every other batch.
 *
 * p_keys: "<org> <key>" of every item that has an idempotency key, null when none has.
 * p_continued: some items continue a session that exists.
 */
const ACCEPT = sql`
  create function semibot_accept_turns_v2(p_items json, p_keys json, p_continued boolean)
  returns table (
    item integer, kind text, agent_id uuid, history json,
    execution_id uuid, session_id uuid, message_id uuid, status text)
  language plpgsql
  ${SET_FUNCTION_SETTINGS}
  as $$
  #variable_conflict use_column
  declare
    answered record;
    v_answered integer[] := '{}';
  begin
    if p_keys is not null then
      perform pg_advisory_xact_lock(keys.hash)
      from (select distinct hashtextextended(k.key, 0) as hash from json_array_elements_text(p_keys) k(key) order by 1) keys;

      for answered in
        select x.item, known.request_hash = x.request_hash as same, known.execution_id, known.session_id,
          known.message_id, (
            select e.status from executions e where e.org_id = x.org_id and e.id = known.execution_id
          ) as status
        from semibot_accept_items_v2(p_items, v_answered) x
        cross join lateral (
          select i.* from idempotency_keys i
          where i.org_id = x.org_id and i.key = x.idempotency_key and i.expires_at > clock_timestamp()
          limit 1
        ) known
      loop
        item := answered.item; kind := 'idempotency_mismatch';
        execution_id := null; session_id := null; message_id := null; status := null;
        if answered.same then
          kind := 'replay';
          execution_id := answered.execution_id; session_id := answered.session_id;
          message_id := answered.message_id; status := coalesce(answered.status, 'completed');
        end if;
        v_answered := v_answered || item;
        return next;
      end loop;
    end if;

    if p_continued then
      perform from semibot_accept_items_v2(p_items, v_answered) x
      cross join lateral (
        select from sessions s where s.org_id = x.org_id and s.id = x.session_id for no key update
      ) locked
      where not x.new_session;

      -- A statement of its own: only now does it see what those have done that held the locks.
      for answered in
        select x.item, known.id is not null and known.deleted_at is null
            and (x.user_scope is null or x.user_scope = known.user_id) as found, (
            select e.id from executions e
            where e.org_id = x.org_id and e.session_id = x.session_id and e.status in ('running', 'waiting_approval')
          ) as running_id
        from semibot_accept_items_v2(p_items, v_answered) x
        left join sessions known on known.org_id = x.org_id and known.id = x.session_id
        where not x.new_session
      loop
        continue when answered.found and answered.running_id is null;
        item := answered.item; kind := 'session_not_found';
        execution_id := null; session_id := null; message_id := null; status := null;
        if answered.found then
          kind := 'session_busy';
          execution_id := answered.running_id;
        end if;
        v_answered := v_answered || item;
        return next;
      end loop;
    end if;

    return query
    with asked as materialized (
      select x.*, coalesce(timestamptz 'epoch' + x.created_at * interval '1 millisecond', now()) as time
      from semibot_accept_items_v2(p_items, v_answered) x
    ), begun as (
      insert into sessions (org_id, id, agent_id, user_id, next_seq, created_at, updated_at)
      select a.org_id, a.session_id, a.agent_id, a.user_id, 3, a.time, a.time from asked a where a.new_session
    ), continued as (
      update sessions s set next_seq = s.next_seq + 2, updated_at = a.time
      from asked a
      cross join lateral (
        select k.ctid as place from sessions k where k.org_id = a.org_id and k.id = a.session_id limit 1
      ) known
      where not a.new_session and s.ctid = known.place
      returning a.item, s.next_seq - 2 as seq, s.agent_id
    ), turn as materialized (
      select a.*, 1 as seq, a.agent_id as answering from asked a where a.new_session
      union all
      select a.*, c.seq, coalesce(a.agent_id, c.agent_id) from continued c join asked a on a.item = c.item
    ), executed as (
      insert into executions (org_id, id, session_id, user_id, agent_id, owner, status, seq,
        user_message_id, assistant_message_id, created_at)
      select t.org_id, t.execution_id, t.session_id, t.user_id, t.answering, t.owner, 'running', t.seq,
        t.user_message_id, t.assistant_message_id, t.time
      from turn t
    ), said as (
      insert into messages (org_id, id, session_id, execution_id, seq, role, content, status,
        client_message_id, created_at)
      select t.org_id, t.user_message_id, t.session_id, t.execution_id, t.seq, 'user', t.content, 'complete',
        t.client_message_id, semibot_uuid_time(t.user_message_id)
      from turn t
    ), keyed as (
      insert into idempotency_keys as i (org_id, key, request_hash, execution_id, session_id, message_id, expires_at)
      select t.org_id, t.idempotency_key, t.request_hash, t.execution_id, t.session_id, t.assistant_message_id,
        clock_timestamp() + interval '24 hours'
      from turn t
      where t.idempotency_key is not null
      on conflict (org_id, key) do update set
        request_hash = excluded.request_hash, execution_id = excluded.execution_id,
        session_id = excluded.session_id, message_id = excluded.message_id,
        created_at = excluded.created_at, expires_at = excluded.expires_at
    )
    select t.item, 'accepted', t.answering,
      case when t.seq = 1 then '[]' else semibot_history_v1(t.org_id, t.session_id, t.seq, t.history_limit) end,
      null::uuid, null::uuid, null::uuid, null::text
    from turn t;
  end $$`

/**
 * Ends a batch of executions, each exactly once, with one statement: `semibot_finish_turns_v1` for many rows. An
 * item that is not the first one of its execution finds it ended.
 */
const FINISH = sql`
  create function semibot_finish_turns_v2(p_items json)
  returns table (item integer, finished boolean)
  language plpgsql
  ${SET_FUNCTION_SETTINGS}
  as $$
  #variable_conflict use_column
  declare
    ended record;
    v_ended integer[] := '{}';
  begin
    perform from semibot_finish_items_v2(p_items, v_ended) x
    cross join lateral (
      select from executions e where e.org_id = x.org_id and e.id = x.execution_id for no key update
    ) locked;

    -- A statement of its own: only now does it see the rows as those left them that held the locks.
    for ended in
      with asked as materialized (
        select distinct on (x.org_id, x.execution_id) x.*, running.*
        from semibot_finish_items_v2(p_items, v_ended) x
        cross join lateral (
          select e.ctid as place, e.session_id, e.seq, e.user_message_id, e.assistant_message_id as expected_id
          from executions e
          where e.org_id = x.org_id and e.id = x.execution_id and e.ended_at is null
          limit 1
        ) running
        order by x.org_id, x.execution_id, x.item
      ), ended as (
        update executions e set
          status = a.status, mode = a.mode, attempts = a.attempts, model = a.model, finish_reason = a.finish_reason,
          usage = a.usage, error_code = a.error_code, error_message = a.error_message, latency_ms = a.latency_ms,
          first_token_ms = a.first_token_ms, fallback_reason = a.fallback_reason, last_seq = a.last_seq,
          finish_token = a.finish_token, ended_at = clock_timestamp()
        from asked a
        where e.ctid = a.place
        returning a.item, a.org_id, a.execution_id, a.session_id, a.user_message_id, a.seq, a.content, a.message_status,
          a.message_id, a.expected_id
      ), said as (
        insert into messages as m (org_id, id, session_id, parent_id, execution_id, seq, role, content, status,
          created_at)
        select e.org_id, e.message_id, e.session_id, e.user_message_id, e.execution_id, e.seq + 1, 'assistant', e.content,
          e.message_status, semibot_uuid_time(e.message_id)
        from ended e
        on conflict (org_id, id, created_at) do update set content = excluded.content, status = excluded.status
      )
      select e.item, e.org_id, e.execution_id, e.expected_id, e.message_id from ended e
    loop
      if ended.expected_id <> ended.message_id then
        perform semibot_replace_answer_v1(ended.org_id, ended.execution_id, ended.expected_id, ended.message_id);
      end if;
      v_ended := v_ended || ended.item;
      item := ended.item; finished := true;
      return next;
    end loop;

    if cardinality(v_ended) < json_array_length(p_items) then
      return query
      select x.item, e.finish_token is not null
      from semibot_finish_items_v2(p_items, v_ended) x
      left join executions e on e.org_id = x.org_id and e.id = x.execution_id and e.finish_token = x.finish_token;
    end if;
  end $$`

/** Version 2 of `accept` and `finish` of the turn writer. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [UUID_TIME, ACCEPT_ITEMS, ACCEPT, FINISH_ITEMS, FINISH]) await statement.execute(db)
}
