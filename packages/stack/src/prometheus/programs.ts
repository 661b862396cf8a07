import { type FindProgramOptions, findProgram } from '../find-program.ts'

/** Each is one file without libraries of its own: what the packages recommend is for their web pages. */
const FROM_PROMETHEUS = { debianPackage: 'prometheus', withDependencies: false }
const FROM_ALERTMANAGER = { debianPackage: 'prometheus-alertmanager', withDependencies: false }

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
