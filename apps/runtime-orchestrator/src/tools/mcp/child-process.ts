import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { MCP_TIMES } from '../../constants/mcp.ts'
import type { StdioEndpoint } from './server-config.ts'

/**
 * A server is often a chain of programs (`npx`, a shell, the server), and none of them has to end because its input
 * did. So each server has a process group of its own, and beside it a shell that waits for the end of its own input:
 * the kernel brings that about when this process ends, however it does, and then the group is killed.
 */
const WATCH = `trap '' HUP INT TERM; read -r _; sleep ${MCP_TIMES.orphanSeconds}; kill -KILL -"$1"`

export interface GroupedChild {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Why it ended, for people; resolves when the program itself has ended and its whole group is killed. */
  readonly exited: Promise<string>
  /** False from the moment on at which the program has ended; the rest of its output may still come. */
  running(): boolean
  /** To the program itself. */
  terminate(): void
  /** Ends all of the group at once. */
  kill(): void
}

/** Starts a server. That it cannot be started shows as the end of the child, soon. */
export function startGrouped({ command, args, env, cwd }: Omit<StdioEndpoint, 'kind'>): GroupedChild {
  const child = spawn(command, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'], env: { ...env }, cwd })
  const { pid, stdin, stdout, stderr } = child
  // The other end may be gone before this one knows.
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined)
  const endWatch = pid === undefined ? () => undefined : watchGroup(pid)
  let over = pid === undefined
  const kill = () => {
    if (!over) killGroup(pid!)
  }
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (pid === undefined) resolve(describeError(command, error))
    })
    child.once('exit', (code, signal) => {
      // What it started may be left, and hold its output open. Later the number may be another group's.
      kill()
      over = true
      endWatch()
      const finish = () => {
        clearTimeout(timer)
        stdout.destroy()
        stderr.destroy()
        resolve(code === null ? `it was ended by ${signal}` : `it ended with code ${code}`)
      }
      const timer = setTimeout(finish, MCP_TIMES.lastOutputMs)
      child.once('close', finish)
    })
  })
  return { stdin, stdout, stderr, exited, running: () => !over, terminate: () => terminate(child), kill }
}

/** Gives the function that ends the watch. Where there is no shell, as in some images, there is no watch either. */
function watchGroup(pid: number): () => void {
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'sh', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {}
  })
  watcher.on('error', () => undefined)
  watcher.stdin?.on('error', () => undefined)
  return () => void watcher.kill('SIGKILL')
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function terminate(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
}

function describeError(command: string, { code, message }: NodeJS.ErrnoException): string {
  const program = `the program ${JSON.stringify(command)}`
  if (code === 'ENOENT') return `${program} was not found`
  if (code === 'EACCES') return `${program} may not be run`
  return `${program} cannot be started (${code ?? message})`
}
