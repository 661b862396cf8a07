import { MAX_AGENT_TOOLS } from '../constants/config.ts'
import type { Tool, ToolSource } from './tool.ts'

/** The tools of one execution, by name. */
export type AgentTools = ReadonlyMap<string, Tool>

/** Every tool that an agent may be given, from all sources. */
export interface ToolCatalogue {
  /** Those of these names that belong to no source. */
  unknown(names: readonly string[]): string[]
  /**
   * The tools of one agent, as they are now. A tool that cannot be had at the moment is left out. Of two with the same
   * name, that of the earlier source counts; of more than MAX_AGENT_TOOLS, the first.
   */
  select(orgId: string, names: readonly string[]): Promise<AgentTools>
  close(): Promise<void>
}

export function createToolCatalogue(sources: readonly ToolSource[]): ToolCatalogue {
  return {
    unknown: (names) => names.filter((name) => !sources.some((source) => source.owns(name))),
    select: async (orgId, names) => {
      // A source without any tool that is wanted is not asked.
      const wanted = sources.filter((source) => names.some((name) => source.owns(name)))
      const lists = await Promise.all(wanted.map((source) => source.tools(orgId)))
      const chosen = new Map<string, Tool>()
      for (const tool of lists.flat()) {
        if (chosen.size === MAX_AGENT_TOOLS) break
        if (isNamed(tool.name, names) && !chosen.has(tool.name)) chosen.set(tool.name, tool)
      }
      return chosen
    },
    close: async () => {
      await Promise.all(sources.map((source) => source.close()))
    }
  }
}

/** Whether this tool is one of those that the names, or prefixes with a star, stand for. */
export function isNamed(name: string, names: readonly string[]): boolean {
  return names.some((wanted) => wanted === name || (wanted.endsWith('*') && name.startsWith(wanted.slice(0, -1))))
}
