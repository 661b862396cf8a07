import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startProcess, waitFor } from '@semibot/stack'

const run = promisify(execFile)
const BOOT = join(import.meta.dirname, 'boot.sh')
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const CGROUPS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'] as const

/** What a script on the machine came to. */
export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** A machine with systemd of its own: files are a copy of the host's that is thrown away, the network is the host's. */
export interface Machine {
  /** Runs a shell script as root; resolves with its standard output. Throws with what it said unless it ends with 0. */
  sh(script: string): Promise<string>
  /** The same, however it ends. */
  try(script: string): Promise<Outcome>
  /** Puts a file there. */
  write(path: string, text: string): Promise<void>
  stop(): Promise<void>
}

/** Why no machine can be had here; false when one can. */
export function missingMachine(): false | string {
  const parts = ['/lib/systemd/systemd', '/usr/bin/unshare', '/usr/bin/nsenter'].every((path) => existsSync(path))
  return parts && mayUnshare() ? false : 'systemd, or root with namespaces for it, is missing on this machine'
}

/** Boots one. Throws when systemd does not come up. */
export async function bootMachine(): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-machine-'))
  const cgroup = join(cgroupFolder() as string, `semibot-machine-${process.pid}-${Date.now()}`)
  const spaces = '--mount --pid --ipc --uts --cgroup --fork --kill-child=KILL'
  // systemd makes its groups below its own, and never sees those of the host.
  const script = `mkdir '${cgroup}' && echo $$ > '${cgroup}/cgroup.procs' && exec unshare ${spaces} sh '${BOOT}' '${folder}'`
  let launcherPid = 0
  let pid = 0
  const enter = (words: readonly string[]): string[] =>
    asRoot(['nsenter', '--target', String(pid), '--mount', '--pid', '--ipc', '--uts', '--cgroup', '--', ...words])
  const attempt = async (text: string): Promise<Outcome> => {
    const words = enter(['env', '-i', `PATH=${PATH}`, 'HOME=/root', 'LC_ALL=C.UTF-8', 'sh', '-c', text])
    try {
      const { stdout, stderr } = await runWords(words)
      return { code: 0, stdout, stderr }
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
      return { code: typeof code === 'number' ? code : 1, stdout, stderr }
    }
  }
  const isUp = async (): Promise<boolean> => {
    const { stdout } = await attempt('systemctl is-active machine.target')
    return stdout.trim() === 'active'
  }
  const [command = '', ...args] = asRoot(['sh', '-c', script])
  const launcher = await startProcess({
    name: 'machine',
    command,
    args,
    ready: {
      check: async () => {
        pid ||= findInit(launcherPid)
        return pid > 0 && (await isUp())
      }
    },
    spawned: (launched) => {
      launcherPid = launched
    },
    readyTimeoutMs: 60_000,
    stopSignal: 'SIGKILL'
  })

  return {
    try: attempt,
    async sh(text) {
      const { code, stdout, stderr } = await attempt(`set -e\n${text}`)
      if (code === 0) return stdout
      throw new Error(`on the machine, this ended with ${code}:\n${text}\n${stdout}${stderr}`)
    },
    async write(path, text) {
      const [program = '', ...rest] = enter(['tee', path])
      const child = spawn(program, rest, { stdio: ['pipe', 'ignore', 'inherit'] })
      child.stdin.end(text)
      const [code] = await once(child, 'close')
      if (code !== 0) throw new Error(`${path} cannot be written on the machine`)
    },
    async stop() {
      // Everything in it ends with its first process.
      await runWords(asRoot(['kill', '-KILL', String(pid)]))
      await launcher.exited
      await waitFor(() => isEmpty(cgroup), { what: 'every process of the machine to be gone' })
      await runWords(asRoot(['find', cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']))
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function runWords([program = '', ...words]: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return await run(program, words, { timeout: 180_000, maxBuffer: 64 * 1024 * 1024 })
}

/** The words of a command that only root may run: as they are, or by way of sudo. */
function asRoot(words: readonly string[]): string[] {
  return process.getuid?.() === 0 ? [...words] : ['sudo', '--non-interactive', ...words]
}

/** Root of a container usually may not. */
function mayUnshare(): boolean {
  const folder = cgroupFolder()
  if (folder === undefined) return false
  const script = `mount -t tmpfs probe /mnt && test -w '${folder}'`
  const [program = '', ...words] = asRoot(['unshare', '--mount', '--pid', '--cgroup', '--fork', 'sh', '-c', script])
  return spawnSync(program, words).status === 0
}

function cgroupFolder(): string | undefined {
  return CGROUPS.find((folder) => existsSync(join(folder, 'cgroup.procs')))
}

/** The first process of the machine: the child of unshare, below the launcher; 0 before there is one. */
function findInit(pid: number): number {
  if (pid === 0) return 0
  const children = globSync(`/proc/${pid}/task/*/children`)
    .flatMap((path) => readFileSync(path, 'utf8').split(' '))
    .filter((child) => child !== '')
    .map(Number)
  if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'unshare') return children[0] ?? 0
  return children.map(findInit).find((init) => init > 0) ?? 0
}

function isEmpty(cgroup: string): boolean {
  return /^populated 0$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))
}
