import { type Kysely, sql } from 'kysely'

/**
 * Fails running executions whose owner has not been seen for p_stale. Does nothing unless some process has been
 * heard of steadily for that long: after an outage of the database everybody looks dead until the next heartbeat.
 * Takes rows in the same order as finish and leaves out those that another process has locked.
 */
const SWEEP = sql`
  create function semibot_sweep_orphans_v1(p_stale interval, p_limit integer, p_message text)
  returns table (org_id uuid, execution_id uuid, session_id uuid, owner text)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    orphan record;
  begin
    if not exists (
      select from service_instances i where i.seen_at >= now() - p_stale and i.steady_since <= now() - p_stale
    ) then
      return;
    end if;

    for orphan in
      select e.org_id, e.id, e.session_id, e.seq, e.owner, e.user_message_id, e.assistant_message_id
      from executions e
      where e.status = 'running' and e.created_at < now() - p_stale
        and not exists (select from service_instances i where i.id = e.owner and i.seen_at >= now() - p_stale)
      order by e.org_id, e.id
      limit p_limit
      for no key update of e skip locked
    loop
      update executions e set status = 'failed', error_code = 'INTERNAL', error_message = p_message,
        ended_at = clock_timestamp()
      where e.org_id = orphan.org_id and e.id = orphan.id;

      insert into messages as m (org_id, id, session_id, parent_id, execution_id, seq, role, content, status,
        created_at)
      values (orphan.org_id, orphan.assistant_message_id, orphan.session_id, orphan.user_message_id, orphan.id,
        orphan.seq + 1, 'assistant', '', 'failed', semibot_uuid_time(orphan.assistant_message_id))
      on conflict (org_id, id, created_at) do update
        set status = case when m.content = '' then 'failed' else 'partial' end
        where m.status = 'streaming';

      org_id := orphan.org_id; execution_id := orphan.id; session_id := orphan.session_id; owner := orphan.owner;
      return next;
    end loop;
  end $$`

/** The sweeper of executions whose process is gone. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await SWEEP.execute(db)
}
