import type { ListedTool } from './tool-list.ts'

/** What is different in a new list, by the names that agents use. */
export interface ToolChanges {
  added: string[]
  removed: string[]
  changed: string[]
}

/** The new list, in which tools that are as they were stay the same objects, and what changed, if anything did. */
export function compareTools(
  before: readonly ListedTool[],
  after: readonly ListedTool[]
): { merged: ListedTool[]; changes: ToolChanges | undefined } {
  const earlier = new Map(before.map((tool) => [tool.name, tool]))
  const changes: ToolChanges = { added: [], removed: [], changed: [] }
  const merged = after.map((tool) => {
    const same = earlier.get(tool.name)
    if (same !== undefined && fingerprint(same) === fingerprint(tool)) return same
    if (same === undefined) changes.added.push(tool.name)
    else changes.changed.push(tool.name)
    return tool
  })
  const names = new Set(after.map(({ name }) => name))
  changes.removed = before.flatMap(({ name }) => (names.has(name) ? [] : [name]))
  const none = Object.values(changes).every((list: string[]) => list.length === 0)
  return { merged, changes: none ? undefined : changes }
}

function fingerprint({ remoteName, description, effect, inputSchema }: ListedTool): string {
  return JSON.stringify([remoteName, description, effect, inputSchema.json])
}
