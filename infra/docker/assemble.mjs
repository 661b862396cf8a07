// Lays out what an image holds, in the build stage: `node infra/docker/assemble.mjs <folder> <arch> <app>...`. The
// folder then looks like the root of the image: /app with the apps and the packages that they need, built, and only what they
// need in production; /usr/local/bin with Node.js and the commands of these apps.
// Node.js is the one that the lockfile pins by its hash, so the image and a clone run the same program.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

const SOURCE = process.cwd()
const [out = '', arch = '', ...apps] = process.argv.slice(2)
const CPU = { amd64: 'x64', arm64: 'arm64' }[arch]
if (out === '' || CPU === undefined || apps.length === 0) {
  process.stderr.write('usage: node infra/docker/assemble.mjs <folder> amd64|arm64 <app>...\n')
  process.exit(1)
}
const APP = join(out, 'app')
const BIN = join(out, 'usr/local/bin')

/** Types, maps and prose of other people's packages; licences stay. */
const IDLE_FILE = /\.(d\.[cm]?ts|[cm]?ts|tsx|map|markdown|md|tsbuildinfo)$/
const LICENCE = /licen[cs]e|copying|notice/i

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** Every package of the workspace: its folder, relative, and its manifest. */
const workspace = globSync('{apps,packages}/*/package.json', { cwd: SOURCE })
  .concat(['bench/package.json', 'infra/package.json'])
  .filter((path) => existsSync(join(SOURCE, path)))
  .map((path) => ({ folder: dirname(path), manifest: readJson(join(SOURCE, path)) }))

/** The folders of these apps and of all packages of ours that they need in production. */
function closure(folders) {
  const found = new Set()
  const visit = (folder) => {
    if (found.has(folder)) return
    found.add(folder)
    const { manifest } = workspace.find((item) => item.folder === folder) ?? {}
    if (!manifest) throw new Error(`there is no ${folder}`)
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const own = workspace.find((item) => item.manifest.name === name)
      if (own) visit(own.folder)
    }
  }
  for (const folder of folders) visit(folder)
  return found
}

function copy(path, target = join(APP, path)) {
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(join(SOURCE, path), target)
}

/** pnpm wants the manifests of the whole workspace to find the lockfile complete. */
function install(needed) {
  for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']) copy(file)
  for (const { folder } of workspace) copy(join(folder, 'package.json'))
  const filters = apps.flatMap((app) => ['--filter-prod', `{./apps/${app}}...`])
  const target = [`--cpu=${CPU}`, '--os=linux', '--libc=glibc']
  const from = ['--prefer-offline', '--store-dir', join(SOURCE, 'node_modules/.pnpm-store')]
  const words = ['install', '--prod', '--frozen-lockfile', ...target, ...from, ...filters]
  execFileSync('pnpm', words, { cwd: APP, stdio: 'inherit' })
  for (const { folder } of workspace) if (!needed.has(folder)) rmSync(join(APP, folder), { recursive: true })
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) rmSync(join(APP, file))
}

function copyBuilt(folder) {
  for (const part of ['dist', 'bin']) {
    const from = join(SOURCE, folder, part)
    if (existsSync(from))
      cpSync(from, join(APP, folder, part), { recursive: true, filter: (path) => !/\.d\.ts$/.test(path) })
    else if (part === 'dist') throw new Error(`${folder} is not built`)
  }
}

function takeNode() {
  const modules = join(APP, 'node_modules')
  const name = `node-linux-${CPU}`
  mkdirSync(BIN, { recursive: true })
  const program = join(modules, name, 'bin/node')
  // Of the ELF header, https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html: what it was compiled for.
  const machine = readFileSync(program).readUInt16LE(18)
  if (machine !== { amd64: 62, arm64: 183 }[arch]) throw new Error(`${program} is not for ${arch}`)
  copyFileSync(program, join(BIN, 'node'))
  for (const entry of readdirSync(join(modules, '.pnpm'))) {
    if (entry.startsWith(`${name}@`)) rmSync(join(modules, '.pnpm', entry), { recursive: true })
  }
  for (const entry of [name, '.bin', '.modules.yaml', '.pnpm-workspace-state-v1.json', '.pnpm/lock.yaml']) {
    rmSync(join(modules, entry), { recursive: true, force: true })
  }
}

/** Links are not followed: pnpm's form circles. */
function removeIdleFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) removeIdleFiles(path)
    else if (entry.isFile() && IDLE_FILE.test(entry.name) && !LICENCE.test(entry.name)) rmSync(path)
  }
}

/** The base has neither a shell nor env, so a command names its interpreter by its path. */
function writeCommands(needed) {
  for (const { folder, manifest } of workspace) {
    if (!needed.has(folder)) continue
    const commands =
      typeof manifest.bin === 'string' ? { [basename(manifest.name)]: manifest.bin } : (manifest.bin ?? {})
    for (const [name, file] of Object.entries(commands)) {
      const text = `#!/usr/local/bin/node\nimport('/${join('app', folder, file)}')\n`
      writeFileSync(join(BIN, name), text, { mode: 0o755 })
    }
  }
}

const needed = closure(apps.map((app) => `apps/${app}`))
install(needed)
for (const folder of needed) copyBuilt(folder)
takeNode()
removeIdleFiles(join(APP, 'node_modules/.pnpm'))
writeCommands(needed)
copy('LICENSE')
copy('infra/docker/healthcheck.mjs', join(APP, 'healthcheck.mjs'))
