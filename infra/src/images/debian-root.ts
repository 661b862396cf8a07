import { execFile } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a program that is linked against the C++ library needs, and nothing else: no shell, no package manager. */
export const RUN_PACKAGES = [
  'base-files',
  'netbase',
  'tzdata',
  'ca-certificates',
  'libc6',
  'libgcc-s1',
  'gcc-12-base',
  'libstdc++6'
] as const

/** Further ones for a place where scripts of packages run. */
export const BUILD_PACKAGES = [
  ...RUN_PACKAGES,
  'dash',
  'coreutils',
  'findutils',
  'grep',
  'sed',
  'libacl1',
  'libattr1',
  'libgmp10',
  'libpcre2-8-0',
  'libselinux1'
] as const

/**
 * Unpacks Debian packages of the machine's release into a folder that looks like the root of a system, without running
 * any of their scripts. What these scripts would make and a service needs (the bundle of certificates, the users) is
 * made here. Needs apt and dpkg-deb, and no root. Throws when a package cannot be had.
 */
export async function makeDebianRoot(folder: string, packages: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const downloads = mkdtempSync(`${folder}.debs-`)
  // apt drops to a user of its own for downloads.
  chmodSync(downloads, 0o755)
  try {
    await download(packages, downloads)
    for (const file of globSync('*.deb', { cwd: downloads }))
      await run('dpkg-deb', ['-x', join(downloads, file), folder])
  } finally {
    rmSync(downloads, { recursive: true, force: true })
  }
  for (const path of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info']) {
    keepLicences(join(folder, path))
  }
  writeFileSync(
    join(folder, 'etc/passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nsemibot:x:10001:10001:semibot:/app:/sbin/nologin\n'
  )
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\nsemibot:x:10001:\n')
  mkdirSync(join(folder, 'etc/ssl/certs'), { recursive: true })
  for (const path of globSync(join(folder, 'usr/share/ca-certificates/mozilla/*.crt'))) {
    appendFileSync(join(folder, 'etc/ssl/certs/ca-certificates.crt'), readFileSync(path))
  }
  mkdirSync(join(folder, 'tmp'), { recursive: true })
  chmodSync(join(folder, 'tmp'), 0o1777)
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  const fetch = async () => await run('apt-get', ['download', ...packages], { cwd: folder, timeout: 300_000 })
  try {
    await fetch()
  } catch (error) {
    // A fresh machine has no package lists yet; only root can fetch them.
    if (process.getuid?.() !== 0) throw error
    await run('apt-get', ['update'], { timeout: 300_000 })
    await fetch()
  }
}

function keepLicences(folder: string): void {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    // A link is neither: what it names may lie outside.
    if (entry.isDirectory()) keepLicences(path)
    else if (entry.isFile() && entry.name !== 'copyright') rmSync(path)
  }
}
