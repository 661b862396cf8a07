import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseHandle } from '@semibot/db'

/** The runtime with tools whose effects are counted; all else of it is the product's. */
export const EFFECTS_ENTRY = 'apps/runtime-orchestrator/test/fixtures/effects/server.ts'

/** What a tool of the runtimes did, as it wrote it down at that moment. Milliseconds since the epoch. */
export interface EffectLine {
  phase: 'begun' | 'effect' | 'kill'
  tool: string
  /** Same for every attempt at one call. */
  key: string
  executionId: string
  text: string
  pid: number
  at: number
}

let files = 0

/** A file for the tools of one scene. */
export function effectsFile(): string {
  return join(tmpdir(), `semibot-effects-${process.pid}-${++files}`)
}

/** The lines so far, in the order in which they were written. */
export function readEffects(file: string): EffectLine[] {
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as EffectLine]))
}

/** How often each call did this. */
export function countByKey(lines: readonly EffectLine[], phase: EffectLine['phase']): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) if (line.phase === phase) counts.set(line.key, (counts.get(line.key) ?? 0) + 1)
  return counts
}

/** Calls that did this more than once. */
export function repeated(lines: readonly EffectLine[], phase: EffectLine['phase']): string[] {
  return [...countByKey(lines, phase)].flatMap(([key, count]) => (count > 1 ? [key] : []))
}

/** Steps of tools whose results are in the journal, as the keys of their calls. */
export async function recordedKeys({ db }: DatabaseHandle): Promise<Set<string>> {
  const rows = await db
    .selectFrom('execution_steps')
    .select(['execution_id', 'name'])
    .where('recorded_at', 'is not', null)
    .where('name', 'like', 'tool:%')
    .execute()
  return new Set(rows.map(({ execution_id, name }) => `${execution_id}:${name.split(':')[1]}`))
}

/** Runs that should have ended and have not, and steps of ended runs that lack their result. */
export async function openEnds({ pool }: DatabaseHandle): Promise<{ runs: number; steps: number }> {
  const { rows } = await pool.query<{ runs: string; steps: string }>(`
    select (select count(*) from durable_executions where status = 'running') as runs,
      (select count(*) from execution_steps s join durable_executions d on d.org_id = s.org_id and d.id = s.execution_id
        where d.status = 'completed' and s.recorded_at is null) as steps`)
  return { runs: Number(rows[0]?.runs), steps: Number(rows[0]?.steps) }
}
