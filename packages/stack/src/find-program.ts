import { execFile } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { REPOSITORY_ROOT } from './paths.ts'

const run = promisify(execFile)

export interface FindProgramOptions {
  /** Debian package to unpack when the program is not on PATH. Default: none, only PATH counts. */
  debianPackage?: string
  /** Whether what the package depends on is unpacked with it. Default true. */
  withDependencies?: boolean
  /** Called once with the folder of the unpacked package, before anybody uses it. */
  prepare?: (folder: string) => void
  /** Where the package has its programs. Default: the usual folders for programs. */
  programFolder?: string
  /** Folder for unpacked packages. Default: `.semibot/tools` of the clone, which git ignores. */
  toolsFolder?: string
  /** Default: PATH of this process. */
  path?: string | undefined
  /** What is being done, in words. */
  log?: (line: string) => void
}

/**
 * The path of a program: from PATH, else from the Debian package, which is downloaded with what it depends on and
 * unpacked into a folder of the clone (`apt-get download` and `dpkg-deb -x` need no root and install nothing).
 * Resolves with undefined when the program is on neither; the reason goes to `log`.
 */
export async function findProgram(name: string, options: FindProgramOptions = {}): Promise<string | undefined> {
  const onPath = findOnPath(name, options.path ?? process.env.PATH)
  if (onPath || !options.debianPackage) return onPath
  const { debianPackage, log } = options
  const folder = join(options.toolsFolder ?? join(REPOSITORY_ROOT, '.semibot/tools'), debianPackage)
  const launcher = join(folder, 'launch', name)
  if (isExecutable(launcher)) return launcher
  if (!findOnPath('apt-get', process.env.PATH) || !findOnPath('dpkg-deb', process.env.PATH)) return undefined
  try {
    // Unpacked whole or not at all, see `unpack`; perhaps for another program of the package.
    if (!existsSync(folder)) {
      log?.(`${name} is not on PATH: unpacking the Debian package ${debianPackage} into ${folder}`)
      await unpack(debianPackage, folder, options)
    }
    return writeLauncher(name, folder, options.programFolder)
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    log?.(`${name} cannot be had from ${debianPackage}: ${(stderr || message).trim().split('\n').at(-1)}`)
    return undefined
  }
}

function findOnPath(name: string, path = ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

async function unpack(debianPackage: string, folder: string, options: FindProgramOptions): Promise<void> {
  const { withDependencies = true, prepare } = options
  mkdirSync(join(folder, '..'), { recursive: true })
  const draft = mkdtempSync(`${folder}.`)
  // apt drops to a user of its own for downloads, who must be able to write here.
  chmodSync(draft, 0o755)
  try {
    await download(debianPackage, draft, withDependencies)
    for (const file of readdirSync(draft).filter((entry) => entry.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(draft, file), draft])
      rmSync(join(draft, file))
    }
    prepare?.(draft)
    try {
      renameSync(draft, folder)
    } catch (error) {
      // Another process was quicker, and may be running the program from there already.
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

async function download(debianPackage: string, folder: string, withDependencies: boolean): Promise<void> {
  const fetch = async () => {
    const packages = withDependencies ? await missingPackages(debianPackage) : [debianPackage]
    await run('apt-get', ['download', ...packages], { cwd: folder, timeout: 300_000 })
  }
  try {
    await fetch()
  } catch (error) {
    // A fresh machine has no package lists yet; only root can fetch them.
    if (process.getuid?.() !== 0) throw error
    await run('apt-get', ['update'], { timeout: 300_000 })
    await fetch()
  }
}

/** The package and those of its dependencies that the machine does not have: what an installation would add. */
async function missingPackages(debianPackage: string): Promise<string[]> {
  const command = ['install', '--simulate', '--no-install-recommends', debianPackage]
  try {
    const { stdout } = await run('apt-get', command, { env: { ...process.env, LC_ALL: 'C' } })
    const added = [...stdout.matchAll(/^Inst ([^ ]+)/gm)].map((match) => match[1] as string)
    return [...new Set([debianPackage, ...added])]
  } catch {
    // No package lists: the download fails too, and says so.
    return [debianPackage]
  }
}

/** Unpacked libraries are found only by whoever is told about their folder. */
function writeLauncher(name: string, folder: string, programFolder?: string): string {
  const program = [...(programFolder === undefined ? [] : [programFolder]), 'usr/bin', 'usr/sbin', 'bin', 'sbin']
    .map((part) => join(folder, part, name))
    .find((path) => existsSync(path))
  if (!program) throw new Error('the package holds no program of this name')
  const libraries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^(usr\/)?lib\/[^/]+-linux-gnu$/.test(path))
    .map((path) => join(folder, path))
  mkdirSync(join(folder, 'launch'), { recursive: true })
  const launcher = join(folder, 'launch', name)
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
  const lines = [
    '#!/bin/sh',
    `export LD_LIBRARY_PATH=${quoted(libraries.join(':'))}`,
    `exec ${quoted(program)} "$@"`,
    ''
  ]
  // Moved into place: another process may be starting the program just now.
  const draft = `${launcher}.${process.pid}`
  writeFileSync(draft, lines.join('\n'), { mode: 0o755 })
  renameSync(draft, launcher)
  return launcher
}
