import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { type ProcessExit, type RunningProcess, startProcess } from '@semibot/stack'
import type { Buildah } from './buildah.ts'

const run = promisify(execFile)

/** The part of an image's configuration that says how it runs. */
export interface ImageConfig {
  user: string
  command: string[]
  entrypoint: string[]
  healthcheck: string[]
  env: string[]
  stopSignal: string
}

interface Inspected {
  Docker: {
    config: {
      User: string
      Cmd: string[] | null
      Entrypoint: string[] | null
      Env: string[]
      StopSignal: string
      Healthcheck?: { Test: string[] }
    }
  }
}

/** How an image says that it wants to be run. Throws when the store does not have it. */
export async function imageConfig(buildah: Buildah, image: string): Promise<ImageConfig> {
  const { Docker } = JSON.parse(await buildah.call('inspect', '--type', 'image', image)) as Inspected
  const { config } = Docker
  return {
    user: config.User,
    command: config.Cmd ?? [],
    entrypoint: config.Entrypoint ?? [],
    // The first word says how it is run: CMD, without a shell.
    healthcheck: config.Healthcheck?.Test.slice(1) ?? [],
    env: config.Env,
    stopSignal: config.StopSignal
  }
}

/**
 * A container on the network of this machine. The isolation is a root folder and a user, not a kernel namespace for
 * everything: limits of memory and the read-only root are for a real engine.
 */
export interface Container {
  /** Runs a command in it beside what runs there; resolves with its standard output, throws when it fails. */
  exec(words: readonly string[], env?: Record<string, string>): Promise<string>
  /** Starts the image's own command; resolves when `readyUrl` answers 200. */
  start(readyUrl: string, env: Record<string, string>): Promise<RunningProcess>
  /** Sends the image's stop signal to the command itself, as an engine would; resolves with how it ended. */
  stop(running: RunningProcess): Promise<ProcessExit>
  remove(): Promise<void>
}

/** Makes a container of an image; `log` gets each line that its command writes. */
export async function createContainer(
  buildah: Buildah,
  image: string,
  log?: (line: string) => void
): Promise<Container> {
  const config = await imageConfig(buildah, image)
  const name = await buildah.call('from', '--pull-never', image)
  const words = (command: readonly string[], env: Record<string, string>): string[] => {
    const pairs = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`])
    return [...buildah.words, 'run', '--isolation', 'chroot', ...pairs, name, '--', ...command]
  }
  return {
    exec: async (command, env = {}) => {
      const { stdout } = await run(buildah.program, words([...config.entrypoint, ...command], env), {
        env: buildah.env,
        timeout: 60_000
      })
      return stdout
    },
    start: async (readyUrl, env) =>
      await startProcess({
        name,
        command: buildah.program,
        args: words([...config.entrypoint, ...config.command], env),
        env: buildah.env,
        ready: { url: readyUrl },
        readyTimeoutMs: 60_000,
        ...(log && { log })
      }),
    stop: async (running) => {
      await signalCommand(findCommand(running.pid), config.stopSignal)
      return await running.exited
    },
    remove: async () => void (await buildah.call('rm', name))
  }
}

/** The user inside is another one than ours, unless we are root. */
async function signalCommand(pid: number, signal: string): Promise<void> {
  if (process.getuid?.() === 0) process.kill(pid, signal as NodeJS.Signals)
  else await run('sudo', ['-n', 'kill', '-s', signal.replace(/^SIG/, ''), String(pid)])
}

/** buildah passes no signal on: the command is its first descendant that is not buildah itself. */
function findCommand(pid: number): number {
  const [name = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  if (!/buildah/.test(name)) return pid
  // Each thread has children of its own.
  const [child] = globSync(`/proc/${pid}/task/*/children`).flatMap((path) =>
    readFileSync(path, 'utf8').split(' ').filter(Boolean)
  )
  if (!child) throw new Error(`the process ${pid} of buildah runs no command`)
  return findCommand(Number(child))
}
