import { execFile, execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../claim.ts'
import { findProgram } from '../find-program.ts'
import { prepareDatabase } from '../postgres/prepare-database.ts'
import { type RunningProcess, startProcess } from '../process.ts'
import type { TestScope } from './scope.ts'

/** Where Debian's package postgresql-15 puts its programs. */
const BINARIES = 'usr/lib/postgresql/15/bin'
// PostgreSQL does not run as root, and the user that it runs as must be able to reach the programs.
const NOBODY = { uid: 65534, gid: 65534 }
const ROOTS_TOOLS = '/var/lib/semibot-dev/tools'

const PROGRAMS = ['initdb', 'postgres', 'pg_basebackup', 'pg_dump', 'pg_restore', 'createdb', 'dropdb', 'psql'] as const

/** Reason for which a test on PostgreSQL 15 may be skipped, and that only when CI is not set. */
export const MISSING_POSTGRES_15 = 'PostgreSQL 15 is missing on this machine'

/** Paths of the programs of PostgreSQL 15. */
export type Postgres15 = Readonly<Record<(typeof PROGRAMS)[number], string>>

export interface Postgres15Server {
  /** Superuser `postgres`, database `postgres`; no password is asked. */
  adminUrl: string
  /** Role and database `semibot`, made by `prepare`. */
  url: string
  port: number
  process: RunningProcess
  /** Makes role and database `semibot` and the statement statistics, as an operator does. */
  prepare(): Promise<void>
  /** Makes a streaming replica of this server and starts it. `settings` are added to its own. */
  replicate(settings?: Readonly<Record<string, string>>): Promise<Postgres15Server>
  /** With `signal` first, such as SIGQUIT for a crash; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on its data, on the same port. */
  start(): Promise<void>
}

/** The programs of PostgreSQL 15: installed, or unpacked from Debian's package; undefined where neither is to be had. */
export async function findPostgres15(): Promise<Postgres15 | undefined> {
  const options = {
    debianPackage: 'postgresql-15',
    path: `/${BINARIES}`,
    programFolder: BINARIES,
    ...(process.getuid?.() === 0 ? { toolsFolder: ROOTS_TOOLS } : {})
  }
  const found: Record<string, string> = {}
  for (const name of PROGRAMS) {
    const path = await findProgram(name, options)
    if (path === undefined) return undefined
    found[name] = path
  }
  return found as Postgres15
}

/** Starts an empty PostgreSQL 15 as an ordinary user; stops and removes it, and what is replicated from it, at teardown. */
export async function startPostgres15(
  t: TestScope,
  programs: Postgres15,
  settings: Readonly<Record<string, string>> = {}
): Promise<Postgres15Server> {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-postgres-15-'))
  const user = process.getuid?.() === 0 ? NOBODY : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const servers: Postgres15Server[] = []
  t.teardown(async () => {
    for (const server of servers.reverse()) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(data: string, own: Readonly<Record<string, string>>): Promise<Postgres15Server> {
    const port = await freePort()
    const adminUrl = `postgres://postgres@127.0.0.1:${port}/postgres`
    const parts = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-F']
    const start = () =>
      startProcess({
        name: 'postgres-15',
        command: programs.postgres,
        args: [...parts, ...Object.entries(own).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
        cwd: folder,
        user,
        ready: { line: /ready to accept (read-only )?connections/ },
        stopSignal: 'SIGINT'
      })
    const server: Postgres15Server = {
      adminUrl,
      url: `postgres://semibot:semibot@127.0.0.1:${port}/semibot`,
      port,
      process: await start(),
      prepare: () => prepareDatabase({ adminUrl, password: 'semibot' }),
      async replicate(more = {}) {
        const copy = join(folder, `replica-${servers.length}`)
        const command = ['-d', adminUrl, '-D', copy, '-R', '-X', 'stream', '-c', 'fast', '--no-sync']
        await promisify(execFile)(programs.pg_basebackup, command, { ...user, cwd: folder, timeout: 120_000 })
        return await open(copy, { ...own, ...more })
      },
      async stop(signal) {
        if (signal !== undefined) server.process.kill(signal)
        await server.process.stop()
      },
      async start() {
        server.process = await start()
      }
    }
    servers.push(server)
    return server
  }

  const data = join(folder, 'data')
  const init = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C']
  execFileSync(programs.initdb, init, { ...user, cwd: folder, stdio: 'ignore' })
  return await open(data, settings)
}
