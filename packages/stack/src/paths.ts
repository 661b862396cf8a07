import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of the clone: the nearest parent that holds pnpm-workspace.yaml. */
export const REPOSITORY_ROOT = findRoot(import.meta.dirname)

/** Flags that make Node run the workspace's TypeScript sources instead of their builds. */
export const SOURCE_FLAGS = ['--conditions=@semibot/source'] as const

/** Entry files of the programs that the stack starts, relative to the clone. */
export const ENTRIES = {
  api: 'apps/api/src/server.ts',
  runtime: 'apps/runtime-orchestrator/bin/semibot-runtime.mjs',
  simulator: 'apps/llm-simulator/src/server.ts',
  cli: 'apps/cli/src/main.ts'
} as const

function findRoot(start: string): string {
  let folder = start
  while (!existsSync(join(folder, 'pnpm-workspace.yaml'))) {
    const parent = dirname(folder)
    if (parent === folder)
      throw new Error(`no pnpm-workspace.yaml above ${start}: @semibot/stack works in a clone only`)
    folder = parent
  }
  return folder
}
