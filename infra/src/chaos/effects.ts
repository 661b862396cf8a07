import { existsSync, readFileSync } from 'node:fs'
import type { Report } from './report.ts'
import type { Chat } from './world.ts'

/** What a tool of the runtimes did, as it wrote it down at that moment. */
interface EffectLine {
  phase: 'begun' | 'effect'
  tool: string
  /** Same for every attempt at one call. */
  key: string
  executionId: string
}

/** Nothing took effect twice, an unsafe tool was not even begun twice, and what was completed has taken effect. */
export function judgeEffects(
  report: Report,
  file: string,
  chats: readonly Chat[],
  completed: ReadonlySet<string>
): void {
  const lines = readEffects(file)
  for (const phase of ['begun', 'effect'] as const) {
    for (const [key, times] of countKeys(lines.filter((line) => line.phase === phase))) {
      const tool = lines.find((line) => line.key === key)?.tool
      // An idempotent tool may be begun again: the key says that it is the same call.
      if (phase === 'begun' && tool !== 'effect_unsafe') continue
      report.checked('effects')
      if (times > 1) report.violated('effects', `${phase} ${times} times: ${tool} ${key}`)
    }
  }
  for (const { tool, executionIds, kind } of chats) {
    const [id] = executionIds
    if (tool?.name !== 'effect_idempotent' || id === undefined || !completed.has(id)) continue
    report.checked('allEffects')
    const keys = new Set(
      lines.flatMap((line) => (line.executionId === id && line.phase === 'effect' ? [line.key] : []))
    )
    if (keys.size !== tool.steps) report.violated('allEffects', `${kind} ${id}: ${keys.size} of ${tool.steps} effects`)
  }
}

export function readEffects(file: string): EffectLine[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as EffectLine]))
}

function countKeys(lines: readonly EffectLine[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { key } of lines) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}
