import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../claim.ts'
import { type ProcessExit, type ProcessOptions, type RunningProcess, startProcess } from '../process.ts'
import { endLeftoverServer, serverState } from './leftover.ts'
import { makeOwnFolder, type PostgresPlacement, placePostgres } from './placement.ts'
import { prepareDatabase } from './prepare-database.ts'

export interface PostgresOptions {
  /** Where the data lies; made when missing. Its parent must exist. For root it may be placed elsewhere. */
  dataDir: string
  /** On 127.0.0.1. Default: a free one. */
  port?: number
  /** For tests: nothing is forced to disk, so a crash of the machine loses data. Default false. */
  fast?: boolean
  /** Of the role `semibot`. Default: a new random one. */
  password?: string
  /** Of the superuser `postgres`; data made earlier needs the one that it was made with. Default: a new random one. */
  adminPassword?: string
  /** Highest number of connections. Default 200. */
  maxConnections?: number
  /** Each line that the server writes. */
  log?: (line: string) => void
  /** What is done before it starts, and where things lie if not where expected, in words. */
  note?: (text: string) => void
  /** Folder for what root's server must reach. Default /var/lib/semibot-dev. */
  systemFolder?: string
  /** See ProcessOptions. */
  spawned?: ProcessOptions['spawned']
  signal?: AbortSignal | undefined
}

export interface RunningPostgres {
  /** Role and database `semibot`. */
  url: string
  /** Superuser `postgres`, database `postgres`. */
  adminUrl: string
  port: number
  pid: number
  /** Where the data really lies. */
  dataDir: string
  process: RunningProcess
  /** Ends it cleanly; resolves when it is gone. */
  stop(): Promise<ProcessExit>
}

/**
 * Starts the PostgreSQL that came with the installation on a data folder of its own, with scram passwords, and with
 * role and database `semibot` ready. A server or lock file of a killed run is cleared away first.
 * Throws ProcessStartError, or an error that says what stands in the way.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { password = randomPassword(), adminPassword = randomPassword(), log, note, signal } = options
  const port = options.port ?? (await freePort())
  const place = await placePostgres(options)
  for (const text of place.notes) note?.(text)
  if (!existsSync(join(place.dataDir, 'PG_VERSION'))) {
    note?.(`making a new database cluster in ${place.dataDir}`)
    await initialise(place, adminPassword, options.fast ?? false)
  }
  await checkMajorVersion(place)
  const leftover = await endLeftoverServer(place.dataDir)
  if (leftover) note?.(leftover)
  const running = await startProcess({
    name: 'postgres',
    command: place.binaries.postgres,
    args: serverArguments(place.dataDir, port, options),
    env: serverEnvironment(),
    cwd: place.dataDir,
    user: place.user,
    // postmaster.pid is told apart from an older one by the state: a starting server rewrites it before anything else.
    ready: { check: () => serverState(place.dataDir) === 'ready' },
    stopSignal: 'SIGINT',
    stopTimeoutMs: 15_000,
    log,
    spawned: options.spawned,
    signal
  })
  const adminUrl = `postgres://postgres:${encodeURIComponent(adminPassword)}@127.0.0.1:${port}/postgres`
  try {
    await prepareDatabase({ adminUrl, password })
  } catch (error) {
    await running.stop()
    throw explainFailure(error, place.dataDir)
  }
  return {
    url: `postgres://semibot:${encodeURIComponent(password)}@127.0.0.1:${port}/semibot`,
    adminUrl,
    port,
    pid: running.pid,
    dataDir: place.dataDir,
    process: running,
    stop: () => running.stop()
  }
}

/** 32 characters that need no quoting anywhere. */
export function randomPassword(): string {
  return randomBytes(24).toString('base64url').replaceAll(/[-_]/g, 'x')
}

/** In a folder beside, renamed at the end: an initdb that was interrupted leaves nothing that looks like data. */
async function initialise(place: PostgresPlacement, adminPassword: string, fast: boolean): Promise<void> {
  const draft = `${place.dataDir}.new`
  if (existsSync(place.dataDir) && readdirSync(place.dataDir).length > 0) {
    throw new Error(`${place.dataDir} is not empty and holds no PostgreSQL data: delete it or move it away`)
  }
  rmSync(draft, { recursive: true, force: true })
  makeOwnFolder(draft, place.user)
  const passwordFile = `${place.dataDir}.password`
  writeFileSync(passwordFile, adminPassword, { mode: 0o600 })
  if (place.user) chownSync(passwordFile, place.user.uid, place.user.gid)
  const parts = ['-D', draft, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8']
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  // One round of hashing instead of 4096: tests open thousands of connections.
  const speed = fast ? ['--no-sync', '--set', 'scram_iterations=1'] : []
  try {
    const where = { ...place.user, cwd: draft, env: serverEnvironment(), timeout: 120_000 }
    await promisify(execFile)(place.binaries.initdb, [...parts, ...locale, ...speed], where)
    renameSync(draft, place.dataDir)
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    throw new Error(`PostgreSQL's initdb failed in ${dirname(draft)}: ${stderr.trim()}`, { cause: error })
  } finally {
    rmSync(passwordFile, { force: true })
    rmSync(draft, { recursive: true, force: true })
  }
}

async function checkMajorVersion(place: PostgresPlacement): Promise<void> {
  const data = readFileSync(join(place.dataDir, 'PG_VERSION'), 'utf8').trim()
  const where = { ...place.user, cwd: place.dataDir }
  const { stdout } = await promisify(execFile)(place.binaries.postgres, ['--version'], where)
  const program = /(\d+)/.exec(stdout)?.[1]
  if (data === program) return
  throw new Error(
    `the data in ${place.dataDir} is of PostgreSQL ${data}, the programs are of ${program}: ` +
      'dump it with the old version and delete the folder, or set DATABASE_URL'
  )
}

function serverArguments(dataDir: string, port: number, options: PostgresOptions): string[] {
  const settings = {
    shared_preload_libraries: 'pg_stat_statements',
    max_connections: String(options.maxConnections ?? 200),
    log_checkpoints: 'off',
    ...(options.fast && { synchronous_commit: 'off', full_page_writes: 'off', scram_iterations: '1' })
  }
  const parts = ['-D', dataDir, '-p', String(port), '-h', '127.0.0.1', '-k', '']
  return [
    ...parts,
    ...(options.fast ? ['-F'] : []),
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])
  ]
}

/** PGDATA, PGPORT and their like, for example from dev.env, are meant for clients. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(PG|LC_|LANG)/.test(key)))
}

function explainFailure(error: unknown, dataDir: string): unknown {
  if ((error as { code?: string }).code !== '28P01') return error
  const text = `the database in ${dataDir} was made with another password: put secrets.json back beside it, or delete the folder`
  return new Error(text, { cause: error })
}
