import { calculator } from './calculator.ts'
import { createCurrentTime } from './current-time.ts'
import { createSearchHistory, type SearchHistory } from './search-history.ts'
import type { Tool } from './tool.ts'

export type ToolRegistry = ReadonlyMap<string, Tool>

/** Every tool that an agent may be given, by name. */
export function createToolRegistry({ searchHistory }: { searchHistory: SearchHistory }): ToolRegistry {
  const tools = [calculator, createCurrentTime(), createSearchHistory(searchHistory)]
  return new Map(tools.map((tool) => [tool.name, tool]))
}

/** The tools of one agent. Names that are not registered are left out. */
export function selectTools(registry: ToolRegistry, names: readonly string[]): ToolRegistry {
  return new Map(names.flatMap((name) => (registry.has(name) ? [[name, registry.get(name)!] as const] : [])))
}
