import { calculator } from './calculator.ts'
import { createCurrentTime } from './current-time.ts'
import { createSearchHistory, type SearchHistory } from './search-history.ts'
import type { ToolSource } from './tool.ts'

/** The names of the tools of this service itself. */
export const BUILTIN_TOOLS = ['calculator', 'current_time', 'search_history'] as const

/** The tools of this service itself, for every organisation. */
export function createBuiltinTools({ searchHistory }: { searchHistory: SearchHistory }): ToolSource {
  const tools = [calculator, createCurrentTime(), createSearchHistory(searchHistory)]
  return { tools: () => tools, owns: (name) => tools.some((tool) => tool.name === name), close: async () => undefined }
}
