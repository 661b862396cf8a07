import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
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
  const root = process.getuid?.() === 0
  const parts = ['/lib/systemd/systemd', '/usr/bin/unshare', '/usr/bin/nsenter'].every((path) => existsSync(path))
  return root && parts && cgroupFolder() !== undefined ? false : 'systemd with root is missing on this machine'
}

/** Boots one. Throws when systemd does not come up, with what it wrote to the console. */
export async function bootMachine(): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-machine-'))
  const cgroup = join(cgroupFolder() as string, `semibot-machine-${process.pid}-${Date.now()}`)
  mkdirSync(cgroup)
  const spaces = ['--mount', '--pid', '--ipc', '--uts', '--cgroup', '--fork', '--kill-child=KILL']
  // systemd makes its groups below its own, and never sees those of the host.
  const script = `echo $$ > '${cgroup}/cgroup.procs' && exec unshare ${spaces.join(' ')} sh '${BOOT}' '${folder}'`
  let launcherPid = 0
  let pid = 0
  const inside = (): string[] => ['--target', String(pid), '--mount', '--pid', '--ipc', '--uts', '--cgroup', '--']
  const attempt = async (text: string): Promise<Outcome> => {
    const words = [...inside(), 'env', '-i', `PATH=${PATH}`, 'HOME=/root', 'LC_ALL=C.UTF-8', 'sh', '-c', text]
    try {
      const { stdout, stderr } = await run('nsenter', words, { timeout: 180_000, maxBuffer: 64 * 1024 * 1024 })
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
  const launcher = await startProcess({
    name: 'machine',
    command: 'sh',
    args: ['-c', script],
    ready: {
      check: async () => {
        pid ||= firstChild(launcherPid)
        return pid > 0 && (await isUp())
      }
    },
    spawned: (launched) => {
      launcherPid = launched
    },
    readyTimeoutMs: 60_000,
    stopSignal: 'SIGKILL'
  }).catch((error: unknown) => {
    cleanUp()
    throw error
  })

  return {
    try: attempt,
    async sh(text) {
      const { code, stdout, stderr } = await attempt(`set -e\n${text}`)
      if (code === 0) return stdout
      throw new Error(`on the machine, this ended with ${code}:\n${text}\n${stdout}${stderr}`)
    },
    async write(path, text) {
      const child = spawn('nsenter', [...inside(), 'tee', path], { stdio: ['pipe', 'ignore', 'inherit'] })
      child.stdin.end(text)
      const [code] = await once(child, 'close')
      if (code !== 0) throw new Error(`${path} cannot be written on the machine`)
    },
    async stop() {
      await launcher.stop()
      await waitFor(() => isEmpty(cgroup), { what: 'every process of the machine to be gone' })
      cleanUp()
    }
  }

  function cleanUp(): void {
    removeGroups(cgroup)
    rmSync(folder, { recursive: true, force: true })
  }
}

function cgroupFolder(): string | undefined {
  return CGROUPS.find((folder) => existsSync(join(folder, 'cgroup.procs')))
}

function firstChild(pid: number): number {
  if (pid === 0) return 0
  const children = globSync(`/proc/${pid}/task/*/children`).map((path) => readFileSync(path, 'utf8').trim())
  return Number(children.join(' ').split(' ')[0] ?? 0)
}

function isEmpty(cgroup: string): boolean {
  return /^populated 0$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))
}

/** Groups are removed from the inside out; their files go with them. */
function removeGroups(folder: string): void {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroups(join(folder, entry.name))
  }
  try {
    rmdirSync(folder)
  } catch {
    // A process is still in there: it stays behind, empty of everything else.
  }
}
