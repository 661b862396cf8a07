import { type Kysely, sql } from 'kysely'
import { TURN_FUNCTION_SETTINGS } from './turn-function-settings.ts'

/**
 * The last turns before `p_before_seq` as a JSON array, oldest first. A turn counts when its answer is complete
 * or partial; looks at no more than four times the wanted number of messages. "is not distinct from" cannot use an
 * index, which leaves the one by session and seq.
 */
const HISTORY = sql`
  create function semibot_history_v1(p_org_id uuid, p_session_id uuid, p_before_seq bigint, p_limit integer)
  returns json language plpgsql stable
  as $$
  declare
    v_history json;
  begin
    if p_limit <= 1 or p_before_seq <= 1 then
      return '[]';
    end if;
    select coalesce(json_agg(json_build_array(turn.role, turn.content) order by turn.seq), '[]')
    into v_history
    from (
      select pair.seq, pair.role, pair.content
      from (
        select m.seq, m.role, m.content,
          case when m.role = 'assistant' then m.status in ('complete', 'partial') and octet_length(m.content) > 0
            else lag(m.role = 'assistant' and m.status in ('complete', 'partial') and octet_length(m.content) > 0)
              over (order by m.seq desc) end as whole
        from messages m
        where m.session_id = p_session_id and m.org_id is not distinct from p_org_id
          and m.seq < p_before_seq and m.seq >= p_before_seq - 4 * p_limit
          and m.role in ('user', 'assistant')
      ) pair
      where pair.whole
      order by pair.seq desc
      limit p_limit / 2 * 2
    ) turn;
    return v_history;
  end $$`

/**
 * Accepts a batch of turns in one transaction. Locks are taken in one order by everybody, idempotency keys by
 * hash and then sessions by id, so that two batches never wait for each other in a circle. Nothing is ever
 * waited for that a finishing execution holds.
 *
 * p_keys: "<org> <key>" of every item that has an idempotency key, null when none has.
 * p_repeated: the batch may have been committed before, its answer was lost; executions that exist are accepted.
 */
const ACCEPT = sql`
  create function semibot_accept_turns_v1(p_items json, p_keys json, p_repeated boolean)
  returns table (
    item integer, kind text, agent_id uuid, history json,
    execution_id uuid, session_id uuid, message_id uuid, status text)
  language plpgsql
  ${TURN_FUNCTION_SETTINGS}
  as $$
  #variable_conflict use_column
  declare
    turn record;
    known record;
    v_time timestamptz(3);
    v_seq bigint;
    v_agent_id uuid;
    v_running_id uuid;
    v_created boolean;
  begin
    if p_keys is not null then
      perform pg_advisory_xact_lock(keys.hash)
      from (select distinct hashtextextended(k.key, 0) as hash from json_array_elements_text(p_keys) k(key) order by 1) keys;
    end if;

    for turn in
      select * from json_to_recordset(p_items) as x(
        item integer, execution_id uuid, org_id uuid, user_id uuid, user_scope uuid, session_id uuid,
        new_session boolean, agent_id uuid, user_message_id uuid, assistant_message_id uuid, content text,
        created_at bigint, idempotency_key text, request_hash text, owner text, history_limit integer,
        client_message_id text)
      order by x.org_id, x.session_id, x.item
    loop
      item := turn.item; agent_id := null; history := null;
      execution_id := null; session_id := null; message_id := null; status := null;

      v_created := false;
      if p_repeated then
        -- The earlier statement may still be under way: its session row is where to wait for it.
        if turn.new_session then
          insert into sessions (org_id, id, agent_id, user_id, next_seq)
          values (turn.org_id, turn.session_id, turn.agent_id, turn.user_id, 3)
          on conflict (org_id, id) do nothing;
          v_created := found;
        else
          perform from sessions s where s.org_id = turn.org_id and s.id = turn.session_id for no key update;
        end if;
        select e.agent_id, e.seq into known from executions e
        where e.org_id = turn.org_id and e.id = turn.execution_id;
        if found then
          kind := 'accepted';
          agent_id := known.agent_id;
          history := semibot_history_v1(turn.org_id, turn.session_id, known.seq, turn.history_limit);
          return next;
          continue;
        end if;
      end if;

      if turn.idempotency_key is not null then
        select i.request_hash, i.execution_id, i.session_id, i.message_id into known
        from idempotency_keys i
        where i.org_id = turn.org_id and i.key = turn.idempotency_key and i.expires_at > clock_timestamp();
        if found then
          if v_created then
            delete from sessions s where s.org_id = turn.org_id and s.id = turn.session_id;
          end if;
          if known.request_hash <> turn.request_hash then
            kind := 'idempotency_mismatch';
          else
            kind := 'replay';
            execution_id := known.execution_id; session_id := known.session_id; message_id := known.message_id;
            -- Not joined above: a join would be planned by guesses about the size of the tables.
            select e.status into status from executions e
            where e.org_id = turn.org_id and e.id = known.execution_id;
            status := coalesce(status, 'completed');
          end if;
          return next;
          continue;
        end if;
      end if;

      v_time := coalesce(timestamptz 'epoch' + turn.created_at * interval '1 millisecond', now());
      if turn.new_session then
        v_seq := 1;
        v_agent_id := turn.agent_id;
        if not v_created then
          insert into sessions (org_id, id, agent_id, user_id, next_seq, created_at, updated_at)
          values (turn.org_id, turn.session_id, turn.agent_id, turn.user_id, 3, v_time, v_time);
        end if;
      else
        select s.next_seq, s.agent_id, s.user_id, s.deleted_at into known
        from sessions s
        where s.org_id = turn.org_id and s.id = turn.session_id
        for no key update;
        if not found or known.deleted_at is not null
          or (turn.user_scope is not null and known.user_id is distinct from turn.user_scope) then
          kind := 'session_not_found';
          return next;
          continue;
        end if;

        select e.id into v_running_id from executions e
        where e.org_id = turn.org_id and e.session_id = turn.session_id
          and e.status in ('running', 'waiting_approval');
        if found then
          kind := 'session_busy';
          execution_id := v_running_id;
          return next;
          continue;
        end if;

        v_seq := known.next_seq;
        v_agent_id := coalesce(turn.agent_id, known.agent_id);
        update sessions s set next_seq = v_seq + 2, updated_at = v_time
        where s.org_id = turn.org_id and s.id = turn.session_id;
      end if;

      insert into executions (org_id, id, session_id, user_id, agent_id, owner, status, seq,
        user_message_id, assistant_message_id, created_at)
      values (turn.org_id, turn.execution_id, turn.session_id, turn.user_id, v_agent_id, turn.owner, 'running', v_seq,
        turn.user_message_id, turn.assistant_message_id, v_time);

      insert into messages (org_id, id, session_id, execution_id, seq, role, content, status,
        client_message_id, created_at)
      values (turn.org_id, turn.user_message_id, turn.session_id, turn.execution_id, v_seq, 'user', turn.content,
        'complete', turn.client_message_id, semibot_uuid_time(turn.user_message_id));

      if turn.idempotency_key is not null then
        insert into idempotency_keys as i (org_id, key, request_hash, execution_id, session_id, message_id, expires_at)
        values (turn.org_id, turn.idempotency_key, turn.request_hash, turn.execution_id, turn.session_id,
          turn.assistant_message_id, clock_timestamp() + interval '24 hours')
        on conflict (org_id, key) do update set
          request_hash = excluded.request_hash, execution_id = excluded.execution_id,
          session_id = excluded.session_id, message_id = excluded.message_id,
          created_at = excluded.created_at, expires_at = excluded.expires_at;
      end if;

      kind := 'accepted';
      agent_id := v_agent_id;
      history := semibot_history_v1(turn.org_id, turn.session_id, v_seq, turn.history_limit);
      return next;
    end loop;
  end $$`

/** `accept` of the turn writer, version 1. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await HISTORY.execute(db)
  await ACCEPT.execute(db)
}
