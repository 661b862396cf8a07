import { execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, globSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { findProgram, REPOSITORY_ROOT } from '@semibot/stack'

const run = promisify(execFile)

/** buildah with a store of its own in the clone: images and containers of the machine are never touched. */
export interface Buildah {
  /** Runs a subcommand and resolves with what it wrote to standard output; throws with the end of its messages. */
  call(...words: string[]): Promise<string>
  /** Runs a subcommand that takes long; each line that it writes goes to `say`. Throws when it fails or is aborted. */
  watch(words: readonly string[], say: (line: string) => void, signal?: AbortSignal): Promise<void>
  /** For whoever starts it himself: the program, the words that come first, and its environment. */
  program: string
  words: readonly string[]
  env: NodeJS.ProcessEnv
}

export interface BuildahOptions {
  /** Where images are stored. Default: `.semibot/images` of the clone, which git ignores. */
  folder?: string
  /** What is being done, in words. */
  log?: (line: string) => void
}

/** buildah from PATH, else from its Debian package; undefined when the machine has neither. */
export async function findBuildah(options: BuildahOptions = {}): Promise<Buildah | undefined> {
  const log = options.log && { log: options.log }
  const found = await findProgram('buildah', { debianPackage: 'buildah', ...log })
  if (found === undefined) return undefined
  const folder = options.folder ?? join(REPOSITORY_ROOT, '.semibot/images')
  mkdirSync(folder, { recursive: true })
  const program = basename(dirname(found)) === 'launch' ? await withOwnLibraries(found, folder, log) : found
  if (program === undefined) return undefined
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  // Nothing is pulled: both bases are made here.
  const registries = file('registries.conf', 'unqualified-search-registries = []\n')
  const policy = file(
    'policy.json',
    '{"default":[{"type":"reject"}],"transports":{"containers-storage":{"":[{"type":"insecureAcceptAnything"}]}}}\n'
  )
  const words = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--registries-conf', registries]
  const env = { ...process.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: folder }
  const withPolicy = (given: readonly string[]): string[] => {
    const [command = '', ...rest] = given
    const takesPolicy = ['from', 'bud', 'commit'].includes(command)
    return [...words, command, ...(takesPolicy ? ['--signature-policy', policy] : []), ...rest]
  }
  return {
    program,
    words,
    env,
    call: async (...given) => {
      try {
        const { stdout } = await run(program, withPolicy(given), { env, maxBuffer: 16 * 1024 * 1024 })
        return stdout.trim()
      } catch (error) {
        const { stderr, message } = error as { stderr?: string; message: string }
        throw new Error(`buildah ${given[0]} failed: ${(stderr || message).trim().split('\n').slice(-5).join('\n')}`)
      }
    },
    watch: async (given, say, signal) =>
      await follow(program, withPolicy(given), { env, cwd: REPOSITORY_ROOT, ...(signal && { signal }) }, say)
  }
}

/**
 * buildah runs itself again without its environment, so an unpacked one has to know by itself where its libraries are.
 * Undefined when the program that writes that into it is missing.
 */
async function withOwnLibraries(
  launcher: string,
  folder: string,
  log: { log: (line: string) => void } | undefined
): Promise<string | undefined> {
  const program = join(folder, 'buildah')
  if (existsSync(program)) return program
  const patchelf = await findProgram('patchelf', { debianPackage: 'patchelf', ...log })
  if (patchelf === undefined) return undefined
  const tool = dirname(dirname(launcher))
  const libraries = globSync('{usr/lib,lib}/*-linux-gnu', { cwd: tool }).map((path) => join(tool, path))
  const draft = `${program}.${process.pid}`
  copyFileSync(join(tool, 'usr/bin/buildah'), draft)
  await run(patchelf, ['--force-rpath', '--set-rpath', libraries.join(':'), draft])
  renameSync(draft, program)
  return program
}

async function follow(
  program: string,
  words: readonly string[],
  options: SpawnOptions,
  say: (line: string) => void
): Promise<void> {
  const child = spawn(program, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const last: string[] = []
  const read = async (stream: NodeJS.ReadableStream): Promise<void> => {
    for await (const line of createInterface({ input: stream })) {
      last.push(line)
      if (last.length > 40) last.shift()
      say(line)
    }
  }
  const [[code]] = await Promise.all([
    once(child, 'exit') as Promise<[number | null]>,
    read(child.stdout as NodeJS.ReadableStream),
    read(child.stderr as NodeJS.ReadableStream)
  ])
  if (code !== 0) throw new Error(`buildah failed (${code}):\n${last.join('\n')}`)
}
