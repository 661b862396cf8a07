import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { binariesIn, installedBinaries, type PostgresBinaries } from './binaries.ts'

/** PostgreSQL refuses to run as root. `nobody` exists everywhere, so no user has to be made. */
const NOBODY = { uid: 65534, gid: 65534 }

/** Where data and copied binaries of root's clones go when `nobody` cannot enter the clone. */
const SYSTEM_STATE_FOLDER = '/var/lib/semibot-dev'

/** Where PostgreSQL runs from, and as whom. */
export interface PostgresPlacement {
  binaries: PostgresBinaries
  dataDir: string
  user: { uid: number; gid: number } | undefined
  /** Sentences for the screen: what lies elsewhere than expected, and why. */
  notes: string[]
}

export interface PlacementOptions {
  /** Wanted data folder; its parent is the state folder and must exist. */
  dataDir: string
  /** Folder for what `nobody` must reach when it cannot reach the clone. Default /var/lib/semibot-dev. */
  systemFolder?: string
}

/**
 * Decides where the data and the binaries lie. For an ordinary user: where they are. For root the server runs as uid
 * 65534, and what that user cannot reach (a clone in a folder of mode 0700, such as root's home) is put into a system
 * folder that it can reach. Makes the folders; throws when they cannot be made.
 */
export async function placePostgres(options: PlacementOptions): Promise<PostgresPlacement> {
  const dataDir = resolve(options.dataDir)
  const installed = await installedBinaries()
  if (process.getuid?.() !== 0) return { binaries: installed, dataDir, user: undefined, notes: [] }

  const notes: string[] = []
  const systemFolder = options.systemFolder ?? SYSTEM_STATE_FOLDER
  const why = `PostgreSQL cannot run as root but as uid ${NOBODY.uid}, who may not enter`
  const binaries = canRun(installed) ? installed : copyBinaries(installed, systemFolder)
  if (binaries !== installed) notes.push(`${why} this clone: its programs lie in ${binaries.folder}`)
  const placed = canEnter(dirname(dataDir))
    ? dataDir
    : join(systemFolderOf(dirname(dataDir), systemFolder), basename(dataDir))
  if (placed !== dataDir) notes.push(`${why} ${dirname(dataDir)}: its data lies in ${placed}`)
  return { binaries, dataDir: placed, user: NOBODY, notes }
}

/** Gives a folder to the user of the placement, closed to everybody else. */
export function makeOwnFolder(folder: string, user: PostgresPlacement['user']): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  if (user) chownSync(folder, user.uid, user.gid)
}

function canRun(binaries: PostgresBinaries): boolean {
  return spawnSync(binaries.postgres, ['--version'], { ...NOBODY, cwd: '/', stdio: 'ignore' }).status === 0
}

function canEnter(folder: string): boolean {
  const run = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...NOBODY, cwd: '/', stdio: 'ignore' })
  return run.status === 0
}

/** One copy for all clones on this machine that have the same release of the binaries. */
function copyBinaries(installed: PostgresBinaries, systemFolder: string): PostgresBinaries {
  const { version } = JSON.parse(readFileSync(join(installed.folder, '../package.json'), 'utf8')) as { version: string }
  const target = join(systemFolder, `postgres-${version}`)
  if (existsSync(target)) return binariesIn(target)
  makeOpenFolder(systemFolder)
  const draft = `${target}.${process.pid}`
  cpSync(installed.folder, draft, { recursive: true, verbatimSymlinks: true })
  try {
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
  return binariesIn(target)
}

/**
 * The system folder that belongs to one state folder. The name is kept inside the state folder, so that a new clone at
 * the path of a deleted one starts with new data; what the deleted one left behind is removed.
 */
function systemFolderOf(stateFolder: string, systemFolder: string): string {
  const idFile = join(stateFolder, 'system-folder-id')
  if (!existsSync(idFile)) writeFileSync(idFile, randomBytes(6).toString('hex'), { mode: 0o600 })
  const folder = join(systemFolder, readFileSync(idFile, 'utf8').trim())
  makeOpenFolder(systemFolder)
  for (const other of readdirSync(systemFolder)) {
    const path = join(systemFolder, other)
    if (path !== folder && originOf(path) === stateFolder) rmSync(path, { recursive: true, force: true })
  }
  makeOpenFolder(folder)
  writeFileSync(join(folder, 'origin'), stateFolder)
  return folder
}

function originOf(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, 'origin'), 'utf8')
  } catch {
    return undefined
  }
}

/** Others may cross it, but not list it. */
function makeOpenFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  chmodSync(folder, 0o711)
}
