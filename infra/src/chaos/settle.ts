import { readMetrics, sumOf, waitFor } from '@semibot/stack'
import { bodyOf } from './http.ts'
import { EXECUTION_TIMEOUT_MS } from './stack.ts'
import { ask, type Mode, type World } from './world.ts'

/** A run's whole time, after which a dead owner is noticed and everything written. */
const SETTLE_MS = EXECUTION_TIMEOUT_MS + 45_000
/** Fifteen seconds for the breaker, thirty in which it lets more and more chats through, and room for a busy machine. */
const RECOVER_MS = 75_000

/** Waits until nothing runs any more, and finds what does. Resolves with how long that took, milliseconds. */
export async function judgeSettled({ stack, report }: World): Promise<number> {
  const startedAt = performance.now()
  const left = async () => {
    const { rows } = await stack.db.query<{ what: string }>(`
      select 'execution ' || id || ' of ' || owner || ' is ' || status as what from executions
        where status in ('running', 'waiting_approval')
      union all select 'the answer ' || id || ' is ' || status from messages where status = 'streaming'
      union all select 'the run ' || d.id || ' of ' || coalesce(d.owner, 'nobody') || ' is ' || d.status
        from durable_executions d join executions e on e.org_id = d.org_id and e.id = d.id
        where d.status = 'running' and e.ended_at is null`)
    return rows.map(({ what }) => what)
  }
  report.checked('settled')
  const settled = waitFor(async () => (await left()).length === 0, {
    what: 'everything to end',
    timeoutMs: SETTLE_MS,
    intervalMs: 200
  })
  await settled.catch(async () => {
    for (const what of await left()) report.violated('settled', what)
  })
  // A run whose end could not be written while the database was away is ended by an api, minutes after its deadline.
  const { rows } = await stack.db.query(`select from durable_executions where status = 'running'`)
  for (const _ of rows) report.count('runs that an api will end')
  return performance.now() - startedAt
}

/** After the faults: the breaker closes at each api, each mode answers there, and nothing is left over anywhere. */
export async function judgeRecovered(world: World): Promise<number> {
  const { stack, report } = world
  const startedAt = performance.now()
  for (const [api, { url, name }] of stack.apis.entries()) {
    report.checked('works', 4)
    const scrape = async (series: string) => sumOf([await readMetrics(url)], series)
    const isBack = async () =>
      (await scrape('chat_runtime_fallback_enabled')) === 0 &&
      (await scrape('chat_runtime_instance_up')) === stack.runtimes.length
    await within(world, isBack, `${name}: the breaker to be closed and each runtime instance to be used`)
    await within(world, () => answers(world, api, 'direct', 'default', 'direct_llm'), `${name}: a direct chat`)
    await within(
      world,
      () => answers(world, api, 'runtime', 'default', 'runtime_orchestrator'),
      `${name}: a chat of the runtime`
    )
    await within(
      world,
      () => answers(world, api, 'runtime', 'worker', 'runtime_orchestrator'),
      `${name}: a chat with tools`
    )
  }
  const took = performance.now() - startedAt
  await judgeNothingLeft(world)
  return took
}

async function within({ report }: World, condition: () => Promise<boolean>, what: string): Promise<void> {
  const limit = { what, timeoutMs: RECOVER_MS, intervalMs: 200 }
  await waitFor(condition, limit).catch(({ message, cause }: Error) => {
    report.violated('works', `${message}${cause instanceof Error ? ` (${cause.message})` : ''}`)
  })
}

/** Whether a new chat is completed in the mode that it should have. */
async function answers(world: World, api: number, mode: Mode, agentId: string, wanted: string): Promise<boolean> {
  const tools = agentId === 'worker' ? ' [[sim:steps=1]][[sim:call=effect_idempotent {"text":"$round"}]]' : ''
  const body = { message: `Hello.${tools}`, agentId, stream: false }
  const answer = await ask(world, api, mode, '/chat', { method: 'POST', body })
  if (!('response' in answer)) return false
  const { data } = (await bodyOf(answer.response)) as { data: { mode: string } }
  return data.mode === wanted
}

async function judgeNothingLeft({ stack, report }: World): Promise<void> {
  const gauges = [
    ...stack.apis.map(({ name, url }) => ({ name, url, series: 'chat_execution_in_flight' })),
    ...stack.runtimes.map(({ name, url }) => ({ name, url, series: 'runtime_execution_in_flight' }))
  ]
  const left = async () => {
    const found: string[] = []
    for (const { name, url, series } of gauges) {
      const value = sumOf([await readMetrics(url)], series)
      if (value !== 0) found.push(`${series} of ${name} is ${value}`)
    }
    const { open = 0 } = await stack.simulator.stats()
    return open === 0 ? found : [...found, `${open} calls of the model are open`]
  }
  report.checked('nothingLeft', gauges.length + 1)
  const limit = { what: 'nothing to be left', timeoutMs: 15_000, intervalMs: 200 }
  await waitFor(async () => (await left()).length === 0, limit).catch(async () => {
    for (const what of await left()) report.violated('nothingLeft', what)
  })
}
