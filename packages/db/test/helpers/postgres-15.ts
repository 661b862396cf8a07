import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram, freePort, startProcess } from '@semibot/stack'
import type { Scope } from './test-database.ts'

/** Where Debian's package postgresql-15 puts its programs. */
const BINARIES = 'usr/lib/postgresql/15/bin'
// PostgreSQL does not run as root, and the user that it runs as must be able to reach the programs.
const NOBODY = { uid: 65534, gid: 65534 }
const ROOTS_TOOLS = '/var/lib/semibot-dev/tools'

export interface Postgres15 {
  initdb: string
  postgres: string
}

/** The programs of PostgreSQL 15: installed, or unpacked from Debian's package; undefined where neither is to be had. */
export async function findPostgres15(): Promise<Postgres15 | undefined> {
  const options = {
    debianPackage: 'postgresql-15',
    path: `/${BINARIES}`,
    programFolder: BINARIES,
    ...(process.getuid?.() === 0 ? { toolsFolder: ROOTS_TOOLS } : {})
  }
  const initdb = await findProgram('initdb', options)
  const postgres = await findProgram('postgres', options)
  return initdb === undefined || postgres === undefined ? undefined : { initdb, postgres }
}

/** Starts an empty PostgreSQL 15 as an ordinary user; stops and removes it at teardown. Resolves with its URL. */
export async function startPostgres15(t: Scope, programs: Postgres15): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-postgres-15-'))
  const user = process.getuid?.() === 0 ? NOBODY : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const init = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C']
  execFileSync(programs.initdb, init, { ...user, cwd: folder, stdio: 'ignore' })

  const port = await freePort()
  const server = await startProcess({
    name: 'postgres-15',
    command: programs.postgres,
    args: ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-F'],
    cwd: folder,
    user,
    ready: { line: /ready to accept connections/ },
    stopSignal: 'SIGINT'
  })
  t.teardown(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}
