import { type Kysely, sql } from 'kysely'
import { TURN_FUNCTION_SETTINGS } from './turn-function-settings.ts'

/**
 * Takes accepted turns back whose caller was told that they failed, because the answer to their commit was
 * lost. The session was busy with them since, so nothing can have come after them.
 */
const UNDO = sql`
  create function semibot_undo_accept_v1(p_items json) returns integer
  language plpgsql
  ${TURN_FUNCTION_SETTINGS}
  as $$
  declare
    turn record;
    v_seq bigint;
    v_undone integer := 0;
  begin
    for turn in
      select * from json_to_recordset(p_items) as x(
        org_id uuid, session_id uuid, new_session boolean, execution_id uuid, idempotency_key text)
      order by x.org_id, x.session_id
    loop
      perform from sessions s where s.org_id = turn.org_id and s.id = turn.session_id for update;

      delete from executions e
      where e.org_id = turn.org_id and e.id = turn.execution_id and e.ended_at is null
      returning e.seq into v_seq;
      continue when not found;

      v_undone := v_undone + 1;
      delete from messages m
      where m.session_id = turn.session_id and m.org_id is not distinct from turn.org_id and m.seq >= v_seq;
      delete from idempotency_keys i
      where i.org_id = turn.org_id and i.key = turn.idempotency_key and i.execution_id = turn.execution_id;
      if turn.new_session then
        delete from sessions s where s.org_id = turn.org_id and s.id = turn.session_id;
      else
        update sessions s set next_seq = v_seq where s.org_id = turn.org_id and s.id = turn.session_id;
      end if;
    end loop;
    return v_undone;
  end $$`

/** The way back of `accept`, version 1. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await UNDO.execute(db)
}
