import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { SOURCE_FLAGS } from '../paths.ts'

/** A file that is ended stops its processes first. */
const STOP_MS = 45_000

export interface TestFileRun {
  /** Folder that the file runs in. */
  cwd: string
  /** Absolute, or relative to the folder. */
  file: string
  env: NodeJS.ProcessEnv
  /** After that it hangs: it is ended and has failed. */
  limitMs: number
  signal: AbortSignal
  onLine?: (line: string) => void
}

/** Runs one test file by itself and resolves with its TAP and its exit code, which is 1 when it had to be ended. */
export async function runTestFile(run: TestFileRun): Promise<{ tap: string; exitCode: number }> {
  const { cwd, file, env, limitMs, signal, onLine } = run
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  const child = spawn('node', [...SOURCE_FLAGS, file], {
    cwd,
    env: { ...withoutTap(process.env), TAP_TIMEOUT: String(limitMs / 1000), ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exit = once(child, 'exit') as Promise<[number | null]>
  let killer: NodeJS.Timeout | undefined
  const stop = (): void => {
    child.kill('SIGTERM')
    killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  }
  limit.addEventListener('abort', stop, { once: true })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    onLine?.(line)
  }
  const [code] = await exit
  limit.removeEventListener('abort', stop)
  clearTimeout(killer)
  return { tap: `${lines.join('\n')}\n`, exitCode: limit.aborted ? 1 : (code ?? 1) }
}

/** What a test runner tells its own files would have this one write its results otherwise. */
function withoutTap(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith('TAP')))
}
