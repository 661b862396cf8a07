import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ENTRIES, REPOSITORY_ROOT, SOURCE_FLAGS } from '../paths.ts'

/**
 * Runs `semibot <args>` with the given environment and resolves with what it wrote to standard output.
 * Throws with its last words when it fails.
 */
export async function runCli(args: readonly string[], env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string> {
  const command = [...SOURCE_FLAGS, ENTRIES.cli, ...args]
  const options = {
    cwd: REPOSITORY_ROOT,
    env,
    timeout: 120_000,
    maxBuffer: 16 * 1024 * 1024,
    ...(signal && { signal })
  }
  try {
    return (await promisify(execFile)(process.execPath, command, options)).stdout
  } catch (error) {
    signal?.throwIfAborted()
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string }
    const words = `${stdout}${stderr}`.trim() || message
    throw new Error(`"semibot ${args.join(' ')}" failed:\n${words.split('\n').slice(-20).join('\n')}`, { cause: error })
  }
}
