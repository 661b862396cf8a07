import { type Kysely, sql } from 'kysely'

// As semibot_sweep_orphans_v1, but for executions that are in the journal of the runtimes: these go on without the
// process that owned them here, and semibot_adopt_orphans_v1 gives them to one that stores their end.
const ALIVE = 'select from service_instances i where i.seen_at >= now() - p_stale'
const ORPHANS = `e.status = 'running' and e.created_at < now() - p_stale
        and not exists (${ALIVE} and i.id = e.owner)`
const STEADY = `if not exists (${ALIVE} and i.steady_since <= now() - p_stale) then
      return;
    end if;`
// Nobody may wait for ever for a journal that has stopped.
const JOURNALED = `exists (
          select from durable_executions d where d.org_id = e.org_id and d.id = e.id
            and (d.status = 'running' and d.deadline_at > now() or d.ended_at > now() - interval '10 min'))`

const ADOPT = sql.raw(`
  create function semibot_adopt_orphans_v1(p_owner text, p_stale interval, p_limit integer)
  returns table (org_id uuid, execution_id uuid, session_id uuid, message_id uuid, model text)
  language plpgsql
  as $$
  #variable_conflict use_column
  begin
    ${STEADY}
    -- The dead are named first and joined: of a row that another process has adopted meanwhile only a join is looked
    -- at again, not what does not exist.
    return query
      with dead as materialized (select distinct e.owner from executions e where ${ORPHANS})
      update executions o set owner = p_owner
      from (
        select e.org_id, e.id from executions e join dead on dead.owner = e.owner
        where e.status = 'running' and e.created_at < now() - p_stale and ${JOURNALED}
        order by e.org_id, e.id limit p_limit for no key update of e skip locked
      ) orphan
      where o.org_id = orphan.org_id and o.id = orphan.id
      returning o.org_id, o.id, o.session_id, o.assistant_message_id, o.model;
  end $$`)

const SWEEP = sql.raw(`
  create function semibot_sweep_orphans_v2(p_stale interval, p_limit integer, p_message text)
  returns table (org_id uuid, execution_id uuid, session_id uuid, owner text)
  language plpgsql
  as $$
  #variable_conflict use_column
  declare
    orphan record;
  begin
    ${STEADY}
    for orphan in
      select e.org_id, e.id, e.session_id, e.seq, e.owner, e.user_message_id, e.assistant_message_id
      from executions e
      where ${ORPHANS} and not ${JOURNALED}
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
  end $$`)

/** Executions that outlive the process that owned them: adopted where they are in the journal, else ended. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await ADOPT.execute(db)
  await SWEEP.execute(db)
}
