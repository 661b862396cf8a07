import { type Finding, fail, ok } from './finding.ts'

/** Oldest major version of Node.js on which the services run. */
export const MIN_NODE_MAJOR = 24

/** Checks a version such as `24.21.0`. */
export function checkNode(version: string): Finding {
  const major = Number(version.split('.', 1)[0])
  if (major >= MIN_NODE_MAJOR) return ok('node', version)
  return fail(
    'node',
    `${version} is too old`,
    `use Node.js ${MIN_NODE_MAJOR} or newer; npm start brings its own on Linux`
  )
}
