import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { MCP_TIMES } from '../../constants/mcp.ts'
import type { StdioEndpoint } from './server-config.ts'

/**
 * A server is often a chain of programs (`npx`, a shell, the server), and none of them has to end because its input
 * did. So each has a process group of its own, and in it one that waits for the other end of file descriptor 3: the
 * kernel closes that when this process ends, however it does, and then the group is killed. As long as it waits, no
 * other group can get the same number.
 */
const GUARDED = `( trap '' HUP INT TERM; read -r _ <&3; sleep ${MCP_TIMES.orphanSeconds}; kill -KILL 0 ) </dev/null >/dev/null 2>&1 &
exec 3<&-
exec "$@"`

export interface GuardedChild {
  readonly pid: number | undefined
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Why it ended, for people; resolves when the program itself has ended and its whole group is gone. */
  readonly exited: Promise<string>
  /** To the program itself. */
  terminate(): void
  /** Ends all of the group at once. */
  kill(): void
}

/** Starts a server. That there is no such program shows as the end of the child, soon. */
export function startGuarded({ command, args, env, cwd }: Omit<StdioEndpoint, 'kind'>): GuardedChild {
  const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', command, ...args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...env },
    cwd
  })
  const [stdin, stdout, stderr, guard] = child.stdio as unknown as [Writable, Readable, Readable, Writable]
  // The other end may be gone before this one knows.
  for (const stream of [stdin, stdout, stderr, guard]) stream?.on('error', () => undefined)
  const kill = () => {
    if (child.pid === undefined || guard.destroyed) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(`it cannot be started (${error.code ?? error.message})`)
    )
    child.once('exit', (code, signal) => {
      // What it started may be left, and hold its output open.
      kill()
      guard.destroy()
      const finish = () => {
        clearTimeout(timer)
        stdout.destroy()
        stderr.destroy()
        resolve(describeEnd(command, code, signal))
      }
      const timer = setTimeout(finish, MCP_TIMES.lastOutputMs)
      child.once('close', finish)
    })
  })
  return { pid: child.pid, stdin, stdout, stderr, exited, terminate: () => terminate(child), kill }
}

function terminate(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
}

/** 126 and 127 are what a shell says when it cannot run a program. */
function describeEnd(command: string, code: number | null, signal: NodeJS.Signals | null): string {
  if (code === 127) return `the program ${JSON.stringify(command)} was not found`
  if (code === 126) return `the program ${JSON.stringify(command)} may not be run`
  return code === null ? `it was ended by ${signal}` : `it ended with code ${code}`
}
