import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type FindProgramOptions, findProgram } from '../find-program.ts'

/** Each is one file without libraries of its own: what the packages recommend is for their web pages. */
const FROM_PROMETHEUS = { debianPackage: 'prometheus', withDependencies: false }
const FROM_ALERTMANAGER = {
  debianPackage: 'prometheus-alertmanager',
  withDependencies: false,
  prepare: makeRelocatable
}

/** Where Debian's Alertmanager looks for its templates and pages, and has no option to look elsewhere. */
const SHARED_FOLDER = '/usr/share/prometheus/alertmanager'
/** As long as `/usr`, so that it fits into the place of it. */
const RELATIVE_ROOT = '.usr'

/** The path of `prometheus`, from PATH or unpacked from Debian; undefined when it cannot be had (see findProgram). */
export async function findPrometheus(options: FindProgramOptions = {}): Promise<string | undefined> {
  return await findProgram('prometheus', { ...FROM_PROMETHEUS, ...options })
}

/** The path of `promtool`, which checks rules and queries; undefined when it cannot be had. */
export async function findPromtool(options: FindProgramOptions = {}): Promise<string | undefined> {
  return await findProgram('promtool', { ...FROM_PROMETHEUS, ...options })
}

/** The path of `alertmanager`, which Debian calls `prometheus-alertmanager`; undefined when it cannot be had. */
export async function findAlertmanager(options: FindProgramOptions = {}): Promise<string | undefined> {
  const path = options.path === undefined ? {} : { path: options.path }
  return (
    (await findProgram('alertmanager', path)) ??
    (await findProgram('prometheus-alertmanager', { ...FROM_ALERTMANAGER, ...options }))
  )
}

/** The path of `amtool`, which checks configurations of Alertmanager; undefined when it cannot be had. */
export async function findAmtool(options: FindProgramOptions = {}): Promise<string | undefined> {
  return await findProgram('amtool', { ...FROM_ALERTMANAGER, ...options })
}

/**
 * The folder in which an Alertmanager must run to find its own files: that of the unpacked package, or undefined when
 * it is installed and finds them anywhere.
 */
export function folderOfAlertmanager(program: string): string | undefined {
  const folder = join(dirname(program), '..')
  return existsSync(join(folder, RELATIVE_ROOT)) ? folder : undefined
}

/** Turns the one absolute path in the unpacked program into a relative one: `/usr/...` into `.usr/...`. */
function makeRelocatable(folder: string): void {
  const program = join(folder, 'usr/bin/prometheus-alertmanager')
  const text = readFileSync(program, 'latin1')
  const relative = SHARED_FOLDER.replace('/usr', RELATIVE_ROOT)
  writeFileSync(program, text.replaceAll(SHARED_FOLDER, relative), 'latin1')
  symlinkSync('usr', join(folder, RELATIVE_ROOT))
}
