import { type Kysely, sql } from 'kysely'
import { TURN_FUNCTION_SETTINGS } from './turn-function-settings.ts'

/**
 * Moves an execution's answer to another message id: the earlier answer, of which at most a part was saved, was
 * retracted.
 */
const REPLACE_ANSWER = sql`
  create function semibot_replace_answer_v1(p_org_id uuid, p_execution_id uuid, p_old_id uuid, p_new_id uuid)
  returns void language plpgsql
  as $$
  begin
    delete from messages m
    where m.org_id = p_org_id and m.id = p_old_id and m.created_at = semibot_uuid_time(p_old_id)
      and m.execution_id = p_execution_id and m.status = 'streaming';
    update executions e set assistant_message_id = p_new_id
    where e.org_id = p_org_id and e.id = p_execution_id;
  end $$`

/**
 * Ends a batch of executions, each exactly once: only the call that moves it out of running stores the answer.
 * A repeated call of the one that did (same finish_token) is told true again. An execution runs exactly as long as
 * ended_at is null (a constraint says so); asking for that instead of its status keeps the planner on the primary key.
 */
const FINISH = sql`
  create function semibot_finish_turns_v1(p_items json)
  returns table (item integer, finished boolean)
  language plpgsql
  ${TURN_FUNCTION_SETTINGS}
  as $$
  #variable_conflict use_column
  declare
    turn record;
    ended record;
  begin
    for turn in
      select * from json_to_recordset(p_items) as x(
        item integer, execution_id uuid, org_id uuid, message_id uuid, status text, message_status text,
        content text, finish_reason text, mode text, attempts integer, model text, usage jsonb, error_code text,
        error_message text, latency_ms double precision, first_token_ms double precision, fallback_reason text,
        last_seq bigint, finish_token uuid)
      order by x.org_id, x.execution_id, x.item
    loop
      item := turn.item;
      update executions e set
        status = turn.status, mode = turn.mode, attempts = turn.attempts, model = turn.model,
        finish_reason = turn.finish_reason, usage = turn.usage, error_code = turn.error_code,
        error_message = turn.error_message, latency_ms = turn.latency_ms, first_token_ms = turn.first_token_ms,
        fallback_reason = turn.fallback_reason, last_seq = turn.last_seq, finish_token = turn.finish_token,
        ended_at = clock_timestamp()
      where e.org_id = turn.org_id and e.id = turn.execution_id and e.ended_at is null
      returning e.session_id, e.seq, e.user_message_id, e.assistant_message_id into ended;

      if found then
        if ended.assistant_message_id <> turn.message_id then
          perform semibot_replace_answer_v1(turn.org_id, turn.execution_id, ended.assistant_message_id, turn.message_id);
        end if;
        insert into messages as m (org_id, id, session_id, parent_id, execution_id, seq, role, content, status,
          created_at)
        values (turn.org_id, turn.message_id, ended.session_id, ended.user_message_id, turn.execution_id,
          ended.seq + 1, 'assistant', turn.content, turn.message_status, semibot_uuid_time(turn.message_id))
        on conflict (org_id, id, created_at) do update set content = excluded.content, status = excluded.status;
        finished := true;
      else
        finished := exists (
          select from executions e
          where e.org_id = turn.org_id and e.id = turn.execution_id and e.finish_token = turn.finish_token);
      end if;
      return next;
    end loop;
  end $$`

/**
 * Stores answers so far. Not waited for by anybody and repeated soon, so its commit does not wait for the disk.
 * An answer that is final already is left alone.
 */
const SAVE_PROGRESS = sql`
  create function semibot_save_progress_v1(p_items json)
  returns table (item integer, saved boolean)
  language plpgsql
  ${TURN_FUNCTION_SETTINGS}
  as $$
  #variable_conflict use_column
  declare
    turn record;
    running record;
  begin
    perform set_config('synchronous_commit', 'off', true);
    for turn in
      select * from json_to_recordset(p_items) as x(
        item integer, execution_id uuid, org_id uuid, message_id uuid, content text, last_seq bigint)
      order by x.org_id, x.execution_id, x.item
    loop
      item := turn.item;
      saved := false;
      select e.session_id, e.seq, e.user_message_id, e.assistant_message_id into running from executions e
      where e.org_id = turn.org_id and e.id = turn.execution_id and e.ended_at is null
      for no key update;

      if found then
        if running.assistant_message_id <> turn.message_id then
          perform semibot_replace_answer_v1(turn.org_id, turn.execution_id, running.assistant_message_id, turn.message_id);
        end if;
        insert into messages as m (org_id, id, session_id, parent_id, execution_id, seq, role, content, status,
          created_at)
        values (turn.org_id, turn.message_id, running.session_id, running.user_message_id, turn.execution_id,
          running.seq + 1, 'assistant', turn.content, 'streaming', semibot_uuid_time(turn.message_id))
        on conflict (org_id, id, created_at) do update set content = excluded.content
        where m.status = 'streaming';
        saved := true;
      end if;
      return next;
    end loop;
  end $$`

/** `finish` and `saveProgress` of the turn writer, version 1. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await REPLACE_ANSWER.execute(db)
  await FINISH.execute(db)
  await SAVE_PROGRESS.execute(db)
}
