#!/usr/bin/env node
// Runs the service from its TypeScript sources where they are (a clone), else from dist (an image). Every process of a
// runtime is started by this file, so that `ps` and `pgrep -f semibot-runtime` find them all. Any Node.js from 20 on can
// run it; the service itself needs 24, which a clone brings along.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MIN_NODE_MAJOR = 24
const SOURCE_FLAG = '--conditions=@semibot/source'
const THIS_FILE = fileURLToPath(import.meta.url)
const PACKAGE = dirname(dirname(THIS_FILE))
const SOURCE = join(PACKAGE, 'src/server.ts')
const BUILD = join(PACKAGE, 'dist/server.js')

function isRecent() {
  return Number(process.versions.node.split('.', 1)[0]) >= MIN_NODE_MAJOR
}

/** The Node.js that the clone has installed, in node_modules of this package or of a parent. */
function findPinnedNode() {
  for (let folder = PACKAGE; ; folder = dirname(folder)) {
    const path = join(folder, `node_modules/node-${process.platform}-${process.arch}/bin/node`)
    if (existsSync(path)) return path
    if (folder === dirname(folder)) return undefined
  }
}

function fail(message) {
  process.stderr.write(`semibot-runtime: ${message}\n`)
  process.exit(1)
}

/** Replaces this process where the platform can; else waits for a child and passes signals and the exit on. */
function become(node, args) {
  if (typeof process.execve === 'function') process.execve(node, [node, ...args], process.env)
  const child = spawn(node, args, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`cannot run ${node}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

const fromSource = existsSync(SOURCE)
const node = isRecent() ? process.execPath : findPinnedNode()
if (node === undefined) {
  fail(
    `Node.js ${MIN_NODE_MAJOR} or newer is needed, this is ${process.versions.node}; in a clone, npm start installs one`
  )
} else if (!fromSource && !existsSync(BUILD)) {
  fail(`neither ${SOURCE} nor ${BUILD} is there`)
} else if (isRecent() && (!fromSource || process.execArgv.includes(SOURCE_FLAG))) {
  await import(fromSource ? SOURCE : BUILD)
} else {
  const flags = fromSource && !process.execArgv.includes(SOURCE_FLAG) ? [SOURCE_FLAG] : []
  become(node, [...process.execArgv, ...flags, THIS_FILE, ...process.argv.slice(2)])
}
