import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Folders of the control groups of this process, the innermost first. */
export interface Cgroups {
  unified: string[]
  cpu: string[]
  memory: string[]
}

/** Where the groups of this process are, in version 2 (`unified`) and version 1. `root`: where /proc and /sys are. */
export function findCgroups(root: string): Cgroups {
  const paths = pathsOf(readText(join(root, 'proc/self/cgroup')))
  const mount = join(root, 'sys/fs/cgroup')
  return {
    unified: chain(mount, paths.unified),
    cpu: chain(join(mount, 'cpu'), paths.cpu),
    memory: chain(join(mount, 'memory'), paths.memory)
  }
}

/** Paths of this process in each hierarchy; `/` where it is not told, as in a container with its own namespace. */
function pathsOf(text: string): { unified: string; cpu: string; memory: string } {
  const paths = { unified: '/', cpu: '/', memory: '/' }
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    if (controllers === '') paths.unified = path
    if (controllers.split(',').includes('cpu')) paths.cpu = path
    if (controllers.split(',').includes('memory')) paths.memory = path
  }
  return paths
}

/** The group's folder and all above it, up to the mount. */
function chain(mount: string, path: string): string[] {
  const folders = [mount]
  for (let folder = path; folder !== '/' && folder !== '.'; folder = dirname(folder)) folders.push(join(mount, folder))
  return folders
}

/** `''` when there is no such file, or none that may be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
