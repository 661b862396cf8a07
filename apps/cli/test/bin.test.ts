import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE, ROOT, runProgram } from './fixtures/semibot.ts'

const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string }
const BIN = join(PACKAGE, 'bin/semibot.mjs')

function installed(t: { teardown(cleanUp: () => void): void }, main: string | undefined): string {
  const directory = mkdtempSync(join(tmpdir(), 'semibot-bin-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  cpSync(join(PACKAGE, 'bin'), join(directory, 'bin'), { recursive: true })
  if (main !== undefined) {
    mkdirSync(join(directory, 'dist'))
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
    writeFileSync(join(directory, 'dist/main.js'), main)
  }
  return join(directory, 'bin/semibot.mjs')
}

t.test('npx --no semibot, from the root of the clone, runs ours', async (t) => {
  const env = { npm_config_offline: 'true', npm_config_update_notifier: 'false' }
  const npx = (...args: string[]) => runProgram('npx', ['--no', 'semibot', ...args], { cwd: ROOT, env })
  // npm takes --version for itself unless -- is in front.
  const own = await runProgram('npx', ['--no', '--', 'semibot', '--version'], { cwd: ROOT, env })
  t.match(own, { code: 0, stdout: `${version}\n` })
  t.match(await npx('config', 'docs', 'API_PORT'), { code: 0, stdout: /^\| `API_PORT` \| `3001` \|/m })
  t.match(await npx('nope'), { code: 2, stderr: /semibot: unknown command 'nope'/ }, 'exit codes pass through')
})

t.test('the bin runs the sources of a clone', async (t) => {
  t.match(await runProgram(process.execPath, [BIN, '--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})

t.test('without sources it runs the build, with arguments and exit code', async (t) => {
  const bin = installed(t, 'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7')
  t.match(await runProgram(process.execPath, [bin, 'a', '--b']), { code: 7, stdout: '["a","--b"]\n' })
})

t.test('with neither it says so in one line', async (t) => {
  const outcome = await runProgram(process.execPath, [installed(t, undefined)])
  t.match(outcome, { code: 1, stdout: '', stderr: /^semibot: neither .*main\.ts nor .*main\.js is there\n$/ })
})

t.test('an old Node.js hands over to the one of the clone, and signals and exit codes pass through', async (t) => {
  const bin = installed(
    t,
    `process.on('SIGTERM', () => { console.log('stopped'); process.exit(9) })
     console.log('ready ' + process.version); setInterval(() => {}, 1000)`
  )
  // A preloaded module makes this Node.js look like an old one, which has no execve either.
  const old = join(bin, '../../old.cjs')
  writeFileSync(
    old,
    `if (process.argv[1] === ${JSON.stringify(bin)}) {
       Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })
       process.execve = undefined
     }`
  )
  const pinned = join(bin, `../../node_modules/node-${process.platform}-${process.arch}/bin/node`)
  const without = await runProgram(process.execPath, ['--require', old, bin])
  t.match(without, { code: 1, stderr: /^semibot: Node\.js 24 or newer is needed, this is 20\.20\.2;/ })

  mkdirSync(join(pinned, '..'), { recursive: true })
  cpSync(process.execPath, pinned)
  const child = spawn(process.execPath, ['--require', old, bin], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { promise, resolve } = Promise.withResolvers<{ code: number | null; output: string }>()
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (text.includes('ready')) child.kill('SIGTERM')
  })
  child.on('close', (code) => resolve({ code, output }))
  t.match(await promise, { code: 9, output: `ready ${process.version}\nstopped\n` })
})
