import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { REPOSITORY_ROOT } from '../src/paths.ts'

// scripts/run.mjs in a clone of its own. Only npx is replaced: instead of downloading pnpm it notes how it was called.

function script(path: string, ...lines: string[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'))
  chmodSync(path, 0o755)
}

function makeClone(t: Test) {
  const root = t.testdir({
    'package.json': '{"packageManager":"pnpm@1.2.3"}',
    'pnpm-lock.yaml': 'one',
    'pnpm-workspace.yaml': '',
    scripts: {},
    host: {}
  })
  cpSync(join(REPOSITORY_ROOT, 'scripts/run.mjs'), join(root, 'scripts/run.mjs'))
  // What the installation would bring: the pinned Node.
  script(
    join(root, 'host/npx'),
    `echo "$@" >> '${root}/npx.log'`,
    `mkdir -p '${root}/node_modules/.bin'`,
    `ln -sf '${process.execPath}' '${root}/node_modules/.bin/node'`
  )
  const env = { PATH: `${join(root, 'host')}:/usr/bin:/bin`, HOME: root }
  const run = (...words: string[]) =>
    spawnSync(process.execPath, ['scripts/run.mjs', ...words], { cwd: root, env, encoding: 'utf8' })
  const installs = () =>
    existsSync(join(root, 'npx.log')) ? readFileSync(join(root, 'npx.log'), 'utf8').trim().split('\n') : []
  return { root, env, run, installs }
}

t.test('installs when the lockfile changed, and only then', async (t) => {
  const { root, run, installs } = makeClone(t)
  const first = run('--', 'node', '-p', 'process.execPath')
  t.equal(first.status, 0, first.stderr)
  t.match(first.stdout, /^Installing the dependencies with pnpm@1\.2\.3 .*\nInstalled in \d+\.\d s\.\n/)
  t.equal(first.stdout.trim().split('\n').at(-1), process.execPath, 'the pinned Node runs the command')
  t.same(installs(), ['--yes pnpm@1.2.3 install --frozen-lockfile'])
  t.notMatch(run('--', 'node', '-p', '1').stdout, 'Install')
  appendFileSync(join(root, 'pnpm-lock.yaml'), 'two')
  t.match(run('--', 'node', '-p', '1').stdout, 'Installing')
  t.equal(installs().length, 2)
})

t.test('a failed installation is said, tried again next time, and counts as a failed run of the tests', async (t) => {
  const { root, run } = makeClone(t)
  script(join(root, 'host/npx'), 'echo "network is down" >&2; exit 7')
  const failed = run('test')
  t.equal(failed.status, 1)
  t.match(failed.stderr, /network is down\nThe installation failed/)
  t.equal(failed.stdout.trim().split('\n').at(-1), '0 passed, 1 failed')
  t.notOk(existsSync(join(root, 'node_modules/.semibot-lock-hash')))
})

t.test('two commands at once install once', async (t) => {
  const { root, env, installs } = makeClone(t)
  const slow = readFileSync(join(root, 'host/npx'), 'utf8').split('\n').slice(1)
  script(join(root, 'host/npx'), 'sleep 0.5', ...slow)
  const start = () =>
    new Promise<string>((resolve) => {
      const child = spawn(process.execPath, ['scripts/run.mjs', '--', 'node', '-p', '"ran"'], { cwd: root, env })
      let output = ''
      child.stdout.on('data', (chunk) => {
        output += chunk
      })
      child.once('close', () => resolve(output))
    })
  const outputs = await Promise.all([start(), start()])
  t.equal(installs().length, 1)
  t.match(
    outputs.find((output) => output.startsWith('Another')),
    /^Another command \(pid \d+\) is installing: waiting for it\.\nran\n$/
  )
  t.match(
    outputs.find((output) => output.startsWith('Installing')),
    /\nran\n$/
  )
})

t.test('exit code, arguments and signals go through', async (t) => {
  const { root, env, run } = makeClone(t)
  t.equal(run('--', 'node', '-e', 'process.exit(7)').status, 7)
  t.equal(run('--', 'node', '-e', 'process.kill(process.pid, "SIGKILL")').status, 1)
  t.match(run('--', 'node', '-p', 'process.argv[1] + process.argv[2]', 'a b', '--').stdout, 'a b--')
  const code =
    "process.on('SIGTERM', () => { console.log('asked'); process.exit(3) }); console.log('up'); setInterval(() => {}, 1000)"
  const child = spawn(process.execPath, ['scripts/run.mjs', '--', 'node', '-e', code], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    if (output === '') child.kill('SIGTERM')
    output += chunk
  })
  const [status] = await once(child, 'exit')
  t.equal(status, 3)
  t.equal(output, 'up\nasked\n')
})

t.test('an unknown command and a machine without a pinned Node are explained', async (t) => {
  const { root, env, run } = makeClone(t)
  const unknown = run('strat')
  t.equal(unknown.status, 1)
  t.match(unknown.stderr, /^usage: node scripts\/run\.mjs start \| test \| .*\| check \| .*\| -- <command>\n$/)
  script(join(root, 'host/npx'), `mkdir -p '${root}/node_modules/.bin'`)
  script(join(root, 'host/node'), 'echo v22.1.0')
  writeFileSync(join(root, 'old.cjs'), "Object.defineProperty(process, 'version', { value: 'v20.1.0' })")
  const words = ['--require', './old.cjs', 'scripts/run.mjs', '--', 'node', '-p', '1']
  const old = spawnSync(process.execPath, words, { cwd: root, env, encoding: 'utf8' })
  t.equal(old.status, 1)
  t.match(old.stderr, /the installed one must be 24 or newer \(found: v22\.1\.0\): install Node 24/)
  t.equal(
    run('--', 'node', '-p', 'process.execPath').stdout.trim().split('\n').at(-1),
    process.execPath,
    'a new one will do'
  )
})

t.test('it says so on a Node that is too old', async (t) => {
  const { root, env } = makeClone(t)
  const pretend = join(root, 'old.cjs')
  writeFileSync(pretend, "Object.defineProperty(process, 'version', { value: 'v18.20.0' })")
  const run = spawnSync(process.execPath, ['--require', pretend, 'scripts/run.mjs', 'start'], {
    cwd: root,
    env,
    encoding: 'utf8'
  })
  t.equal(run.status, 1)
  t.equal(
    run.stderr,
    'Semibot needs Node 20 or newer, and this is Node v18.20.0: install a newer one from https://nodejs.org\n'
  )
})

t.test('when npm is killed the command is stopped', async (t) => {
  const { root, env } = makeClone(t)
  const code = "process.on('SIGTERM', () => process.exit(0)); console.log(process.pid); setInterval(() => {}, 1000)"
  writeFileSync(join(root, 'wait.cjs'), code)
  execFileSync(join(root, 'host/npx'))
  symlinkSync(process.execPath, join(root, 'host/node'))
  const words = JSON.stringify(['-c', 'node scripts/run.mjs -- node wait.cjs; true'])
  const pretend = `require('node:child_process').spawn('/bin/sh', ${words}, { stdio: 'inherit' })`
  const npm = spawn(process.execPath, ['-e', pretend], {
    cwd: root,
    env: { ...env, npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const pid = await new Promise<number>((resolve) => {
    npm.stdout.on('data', (chunk) => {
      const found = /^(\d+)$/m.exec(String(chunk))
      if (found) resolve(Number(found[1]))
    })
  })
  t.ok(pid > 0)
  npm.kill('SIGKILL')
  // The pipe closes when the last process that has it is gone.
  await once(npm.stdout, 'close')
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
