import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { arch } from 'node:process'
import { promisify } from 'node:util'
import { REPOSITORY_ROOT } from '@semibot/stack'

const run = promisify(execFile)

/** What a release holds. */
const APPS = ['api', 'runtime-orchestrator', 'cli'] as const
/** Of infra, what an operator needs on a machine: where it is in the clone, and in the release. */
const MACHINE_FILES = {
  'infra/debian/install.sh': 'install.sh',
  'infra/debian/upgrade.sh': 'upgrade.sh',
  'infra/debian/wait-ready.mjs': 'wait-ready.mjs',
  'infra/debian/api.env': 'env/api.env',
  'infra/debian/runtime.env': 'env/runtime.env',
  'infra/systemd': 'systemd',
  'infra/logrotate': 'logrotate',
  'infra/pm2': 'pm2',
  'infra/nginx/semibot.conf': 'nginx/semibot.conf',
  'infra/nginx/proxy.conf': 'nginx/proxy.conf',
  '.env.example': 'env/all-keys.env',
  'docs/deploy-debian.md': 'docs/deploy-debian.md',
  'docs/deploy-debian.zh-CN.md': 'docs/deploy-debian.zh-CN.md',
  'docs/upgrade.md': 'docs/upgrade.md'
} as const
const COMMANDS = {
  semibot: 'apps/cli/bin/semibot.mjs',
  'semibot-runtime': 'apps/runtime-orchestrator/bin/semibot-runtime.mjs'
}
/** The store of pnpm and the cache of turbo that the clone has filled. */
const STORE = join(REPOSITORY_ROOT, 'node_modules/.pnpm-store')
/** So many releases are kept, the newest. */
const KEPT = 4
const CACHE = join(REPOSITORY_ROOT, '.turbo/releases')

export interface PackOptions {
  /** What git knows the commit by. Default: HEAD. */
  commit?: string
  /** Folder of releases. Default: `.semibot/releases` of the clone, which git ignores. */
  folder?: string
  /** What is being done, in words. */
  say: (line: string) => void
}

export interface Release {
  /** `<version>-<commit>`. */
  name: string
  folder: string
  commit: string
}

/**
 * Builds a commit and lays out what runs on a machine: the apps and what they need in production, Node.js, units, and
 * the script that installs it all. A release that is there already is taken as it is. Throws when git does not know the
 * commit, or when it cannot be built.
 */
export async function packRelease({ commit: given = 'HEAD', folder, say }: PackOptions): Promise<Release> {
  const commit = await git('rev-parse', '--verify', `${given}^{commit}`).catch(() => {
    throw new Error(`git knows no commit ${given}; a clone without history gets more of it by: git fetch --deepen=1`)
  })
  const manifest = JSON.parse(await git('show', `${commit}:package.json`)) as { version: string }
  const name = `${manifest.version}-${commit.slice(0, 12)}`
  const releases = folder ?? join(REPOSITORY_ROOT, '.semibot/releases')
  const release = { name, folder: join(releases, name), commit }
  if (existsSync(release.folder)) return release
  mkdirSync(releases, { recursive: true })
  const work = mkdtempSync(join(releases, '.work-'))
  try {
    const source = join(work, 'source')
    const draft = join(work, 'release')
    say(`Building the release ${name}`)
    await exportCommit(commit, source)
    await build(source, say)
    await layOut(source, draft, name)
    renameSync(draft, release.folder)
    removeOld(releases)
  } catch (error) {
    // Another process was quicker.
    if (!existsSync(release.folder)) throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return release
}

function removeOld(folder: string): void {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'VERSION')))
  const madeAt = new Map(names.map((name) => [name, statSync(join(folder, name)).mtimeMs]))
  const newestFirst = names.toSorted((one, other) => madeAt.get(other)! - madeAt.get(one)!)
  for (const name of newestFirst.slice(KEPT)) rmSync(join(folder, name), { recursive: true, force: true })
}

async function git(...words: string[]): Promise<string> {
  const { stdout } = await run('git', words, { cwd: REPOSITORY_ROOT, maxBuffer: 16 * 1024 * 1024 })
  return stdout.trim()
}

async function exportCommit(commit: string, folder: string): Promise<void> {
  mkdirSync(folder)
  const archive = join(dirname(folder), 'source.tar')
  await git('archive', '--format=tar', '--output', archive, commit)
  await run('tar', ['-xf', archive, '-C', folder])
}

async function build(source: string, say: (line: string) => void): Promise<void> {
  const install = ['install', '--frozen-lockfile', '--prefer-offline', '--store-dir', STORE, '--reporter=append-only']
  await follow('pnpm', install, source, say)
  const words = ['run', 'build', ...APPS.map((app) => `--filter=./apps/${app}`), '--cache-dir', CACHE]
  await follow(join(source, 'node_modules/.bin/turbo'), [...words, '--output-logs=errors-only'], source, say)
}

async function layOut(source: string, folder: string, name: string): Promise<void> {
  const image = `${folder}.image`
  const cpu = arch === 'x64' ? 'amd64' : arch
  // The layout of the images: the same files run there and here.
  const assemble = join(REPOSITORY_ROOT, 'infra/docker/assemble.mjs')
  symlinkSync(STORE, join(source, 'node_modules/.pnpm-store'))
  await follow(process.execPath, [assemble, image, cpu, ...APPS], source, () => {})
  mkdirSync(join(folder, 'bin'), { recursive: true })
  renameSync(join(image, 'app'), join(folder, 'app'))
  renameSync(join(image, 'usr/local/bin/node'), join(folder, 'bin/node'))
  for (const [command, file] of Object.entries(COMMANDS)) {
    const path = join(folder, 'bin', command)
    // By way of a link in /usr/local/bin, too.
    const text = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/node" --enable-source-maps "$here/../app/${file}" "$@"
`
    writeFileSync(path, text)
    chmodSync(path, 0o755)
  }
  for (const [from, to] of Object.entries(MACHINE_FILES)) {
    const own = join(source, from)
    // A commit from before there were such files gets those of this clone.
    cpSync(existsSync(own) ? own : join(REPOSITORY_ROOT, from), join(folder, to), { recursive: true })
  }
  writeFileSync(join(folder, 'VERSION'), `${name}\n`)
}

/** Runs a step and shows what it says; throws with its last lines when it fails. */
async function follow(program: string, words: string[], cwd: string, say: (line: string) => void): Promise<void> {
  const bin = join(REPOSITORY_ROOT, 'node_modules/.bin')
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    CI: 'true',
    TURBO_TELEMETRY_DISABLED: '1',
    NODE_OPTIONS: ''
  }
  const child = spawn(program, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-4000)
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${program} ${words[0]} ended with ${code}:\n${tail}`)
  say(`  ${words.slice(0, 2).join(' ')}: done`)
}
