// Runs a command of this repository on a machine that has nothing but Node 20 and npm: installs what is missing, then
// hands over to the Node that the lockfile pins. Only built-in modules of Node 20, since nothing is installed yet.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const BIN = join(ROOT, 'node_modules', '.bin')
const STAMP = join(ROOT, 'node_modules', '.semibot-lock-hash')
const SOURCE = ['node', '--conditions=@semibot/source']

const COMMANDS = {
  start: [...SOURCE, 'packages/stack/src/main.ts'],
  test: [...SOURCE, 'scripts/test.ts'],
  slow: [...SOURCE, 'scripts/slow.ts'],
  release: [...SOURCE, 'scripts/release.ts'],
  images: [...SOURCE, 'infra/src/images/main.ts'],
  pack: [...SOURCE, 'infra/src/machine/main.ts'],
  check: [...SOURCE, 'scripts/check.ts'],
  ci: [...SOURCE, 'scripts/ci.ts'],
  bench: [...SOURCE, 'bench/src/main.ts'],
  figures: [...SOURCE, 'bench/src/figures/main.ts']
}

/** The commands whose output ends with a count, whatever happens. */
const COUNTED = ['test', 'slow', 'ci']

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

const [name = '', ...rest] = process.argv.slice(2)
process.chdir(ROOT)

function fail(text) {
  process.stderr.write(`${text}\n`)
  if (COUNTED.includes(name)) process.stdout.write('0 passed, 1 failed\n')
  process.exit(1)
}

function major(version) {
  return Number(version.replace(/^v/, '').split('.')[0])
}

function checkHostNode() {
  if (major(process.version) >= 20) return
  fail(
    `Semibot needs Node 20 or newer, and this is Node ${process.version}: install a newer one from https://nodejs.org`
  )
}

function wantedCommand() {
  if (name === '--' && rest.length > 0) return rest
  const command = COMMANDS[name]
  if (command) return [...command, ...rest.filter((word, index) => index > 0 || word !== '--')]
  return fail(`usage: node scripts/run.mjs ${Object.keys(COMMANDS).join(' | ')} | -- <command>`)
}

function lockHash() {
  const hash = createHash('sha256')
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

/** pnpm by npx: nothing is installed on the machine itself. Its progress goes to the screen. */
async function install(hash) {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  process.stdout.write(`Installing the dependencies with ${packageManager} (once, until the lockfile changes) ...\n`)
  const started = Date.now()
  const words = ['--yes', packageManager, 'install', '--frozen-lockfile']
  const child = spawn('npx', words, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  let stopped = false
  const stop = () => {
    stopped = true
    child.kill('SIGTERM')
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  const { code, signal, error } = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  for (const name of SIGNALS) process.off(name, stop)
  if (stopped || signal) fail('The installation was stopped; the same command goes on with it.')
  if (error) fail(`npx cannot be started (${error.message}): is npm installed?`)
  if (code !== 0) fail('The installation failed, see above. When the network is back, run the same command again.')
  mkdirSync(dirname(STAMP), { recursive: true })
  writeFileSync(STAMP, hash)
  process.stdout.write(`Installed in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`)
}

function isInstalled(hash) {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash
}

/** Two commands that are started at once in a fresh clone must not install into the same folder. */
async function installIfNeeded() {
  const hash = lockHash()
  if (isInstalled(hash)) return
  const lock = join(tmpdir(), `semibot-install-${createHash('sha256').update(ROOT).digest('hex').slice(0, 16)}`)
  while (!takeLock(lock)) await new Promise((resolve) => setTimeout(resolve, 300))
  process.once('exit', () => rmSync(lock, { force: true }))
  if (!isInstalled(hash)) await install(hash)
  rmSync(lock, { force: true })
}

let waits = false

function takeLock(lock) {
  const own = `${lock}-${process.pid}`
  try {
    // By a link the file is there with its holder at once: an empty one would look like that of a dead process.
    writeFileSync(own, String(process.pid))
    linkSync(own, lock)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') fail(`${lock} cannot be made (${error.message}): is ${tmpdir()} writable?`)
    const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
    if (holder > 0 && isAlive(holder)) {
      if (!waits) process.stdout.write(`Another command (pid ${holder}) is installing: waiting for it.\n`)
      waits = true
    } else rmSync(lock, { force: true })
    return false
  } finally {
    rmSync(own, { force: true })
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The pinned Node where there is one for this machine, else the host's, if that is new enough to run TypeScript. */
function chooseNode(env) {
  const { status, stdout } = spawnSync('node', ['--version'], { env, encoding: 'utf8' })
  if (status === 0 && major(stdout.trim()) >= 24) return
  if (major(process.version) >= 24) {
    env.PATH = `${dirname(process.execPath)}${delimiter}${env.PATH}`
    return
  }
  const found = status === 0 ? stdout.trim() : 'none'
  fail(
    `There is no pinned Node for ${process.platform} ${process.arch}, so the installed one must be 24 or newer ` +
      `(found: ${found}): install Node 24 from https://nodejs.org`
  )
}

/** Runs the command, hands signals on, and ends as it ends. */
function run([command, ...args], env) {
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  if (launcher !== process.pid) watchLauncher(launcher, () => child.kill('SIGTERM'))
  child.once('error', (error) => fail(`${command} cannot be started: ${error.message}`))
  child.once('exit', (code, signal) => process.exit(signal ? 1 : code))
}

/**
 * The process that somebody kills when he means this one: npm, which starts scripts through a shell or not, or this very
 * process when it was started without npm.
 */
function findLauncher() {
  if (!process.env.npm_lifecycle_event) return process.pid
  const { name, parent } = describeProcess(process.ppid)
  return /(^|\/)(ba|da|a|z|k)?sh$/.test(name) ? parent : process.ppid
}

function describeProcess(pid) {
  if (existsSync(`/proc/${pid}/status`)) {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return { name: /^Name:\s*(.*)$/m.exec(text)[1], parent: Number(/^PPid:\s*(\d+)$/m.exec(text)[1]) }
  }
  const { stdout } = spawnSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)], { encoding: 'utf8' })
  const [parent = '', ...words] = (stdout ?? '').trim().split(/\s+/)
  return { name: words.join(' '), parent: Number(parent) }
}

/** npm that is killed takes nobody along: without this the services would run on and nobody could stop them. */
function watchLauncher(launcher, onGone) {
  const timer = setInterval(() => {
    if (isAlive(launcher)) return
    clearInterval(timer)
    onGone()
  }, 300)
  timer.unref()
}

checkHostNode()
const command = wantedCommand()
const launcher = findLauncher()
await installIfNeeded()
const env = {
  ...process.env,
  PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}`,
  SEMIBOT_LAUNCHER_PID: String(launcher),
  TURBO_TELEMETRY_DISABLED: '1'
}
chooseNode(env)
run(command, env)
