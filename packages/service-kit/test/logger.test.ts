import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { LogOutput } from '../src/log-output.ts'
import { openPipe, until } from './fixtures/harness.ts'

const FIXTURE = fileURLToPath(new URL('fixtures/log-lines.ts', import.meta.url))
const CONDITIONS = ['--conditions=@semibot/source']

async function run(...args: string[]) {
  const child = spawn(process.execPath, [...CONDITIONS, FIXTURE, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { stdout, code }
}

function talk(t: Test, stdout: 'pipe' | 'ignore', ...args: string[]) {
  const child = fork(FIXTURE, args, { execArgv: CONDITIONS, stdio: ['ignore', stdout, 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  return {
    child,
    ask: async (message: string | number): Promise<{ dropped: number; total: number }> => {
      const answer = once(child, 'message')
      child.send(message)
      return (await answer)[0]
    },
    tell: (message: string) => child.send(message)
  }
}

const lines = (output: string): Record<string, unknown>[] =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

t.test('stdout and the file get the same JSON lines, msg last and secrets out', async (t) => {
  const file = join(t.testdir(), 'logs', 'api.log')
  const { stdout, code } = await run(file)
  t.equal(code, 0)
  t.equal(readFileSync(file, 'utf8'), stdout)
  t.equal(lines(stdout).length, 4, 'nothing below the level, no line break inside a line')
  for (const line of lines(stdout)) {
    t.equal(Object.keys(line).at(-1), 'msg')
    t.match(line, { level: /info|error/, time: /^\d{4}-.*Z$/, name: 'fixture', pid: Number })
  }
  t.match(lines(stdout)[0], { requestId: 'r-1', sessionId: 's-1', token: '[redacted]' })
  t.notMatch(stdout, /hunter2|Bearer abc/)
})

t.test('the pipelines of the runbook work on the file', async (t) => {
  const file = join(t.testdir(), 'api.log')
  await run(file)
  const shell = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim()
  t.match(
    shell(`grep "Runtime 执行失败" ${file} | awk -F'错误:' '{print $2}' | sort | uniq -c | sort -rn`),
    /^2 {2}请求超时 \(RUNTIME_TIMEOUT\)"\}$/,
    'one group, whatever stands before the message'
  )
  t.equal(
    shell(`grep "执行完成.*耗时" ${file} | awk -F'耗时: ' '{print $2}' | awk -F'ms' '{print $1}' | sort -n | tail -20`),
    '98\n1234'
  )
})

t.test('a process that exits at once has written everything', async (t) => {
  const file = join(t.testdir(), 'api.log')
  const { stdout, code } = await run(file, 'exit', '2000')
  t.equal(code, 3, 'with its own exit code')
  t.equal(lines(stdout).length, 2000)
  t.equal(readFileSync(file, 'utf8'), stdout)
})

t.test('rotation by rename and reopen loses no line', async (t) => {
  const file = join(t.testdir(), 'api.log')
  const { child, ask, tell } = talk(t, 'ignore', file, 'rotate')
  await once(child, 'message')
  await ask(500)
  renameSync(file, `${file}.1`)
  await ask(300)
  tell('reopen')
  await ask(700)
  renameSync(file, `${file}.2`)
  tell('line and reopen')
  await ask('end')
  t.match(readFileSync(file, 'utf8'), /before the reopen/, 'what waits goes to the new file')
  const before = lines(readFileSync(`${file}.1`, 'utf8'))
  const after = lines(readFileSync(`${file}.2`, 'utf8'))
  t.strictSame([before.length, after.length], [800, 700])
})

t.test('a file that cannot be opened costs one warning, and is tried again at reopen', async (t) => {
  const file = join(t.testdir({ 'not-a-folder': '' }), 'not-a-folder', 'api.log')
  const { child, ask, tell } = talk(t, 'pipe', file, 'rotate')
  const stdout = text(child.stdout!)
  await once(child, 'message')
  await ask(10)
  rmSync(dirname(file))
  mkdirSync(dirname(file))
  tell('reopen')
  await ask(5)
  await ask('end')
  const output = lines(await stdout)
  t.equal(output.filter((line) => line.msg === 'line').length, 15, 'stdout has every line')
  const warnings = output.filter((line) => line.level === 'warn')
  t.equal(warnings.length, 1)
  t.match(
    warnings[0]?.msg,
    /api\.log cannot be written: .*ENOTDIR|EEXIST.* Set LOG_FILE to a file that this user may write\.$/
  )
  t.equal(lines(readFileSync(file, 'utf8')).length, 5)
})

t.test('a file on a full disk costs one warning, the service goes on', async (t) => {
  const { child, ask } = talk(t, 'pipe', '/dev/full', 'rotate')
  const stdout = text(child.stdout!)
  await once(child, 'message')
  await ask(10)
  await ask(10)
  await ask('end')
  const output = lines(await stdout)
  t.equal(output.filter((line) => line.msg === 'line').length, 20)
  t.equal(output.filter((line) => /ENOSPC/.test(String(line.msg))).length, 1)
})

t.test('lines for a reader that does not read are bounded, dropped and counted', async (t) => {
  const { child, ask } = talk(t, 'pipe', '-', 'flood', '0', '100000')
  await once(child, 'message')
  const { dropped, total } = await ask(20_000)
  t.ok(dropped > 10_000, `${dropped} of 20,000 lines were dropped`)
  t.equal(total, dropped)
  const stdout = text(child.stdout!)
  await ask('end')
  t.equal(lines(await stdout).length, 20_000 - dropped, 'the others arrive whole')
})

t.test('a reader of stdout that goes away does not end the service', async (t) => {
  const file = join(t.testdir(), 'api.log')
  const { child, ask } = talk(t, 'pipe', file, 'rotate')
  await once(child, 'message')
  child.stdout!.destroy()
  await ask(100)
  const { dropped } = await ask(100)
  t.equal((await ask(100)).dropped, dropped, 'what nobody can get is not tried again')
  await ask('end')
  const output = lines(readFileSync(file, 'utf8'))
  t.equal(output.filter((line) => line.msg === 'line').length, 300)
  t.equal(output.filter((line) => /descriptor 1 cannot be written: EPIPE/.test(String(line.msg))).length, 1)
})

t.test('processes that share a pipe with a slow reader write whole lines, to the last one', async (t) => {
  const { writer, read } = openPipe(t)
  let running = 0
  for (let n = 0; n < 3; n++) {
    const args = [...CONDITIONS, FIXTURE, '-', 'share', '200']
    const child = spawn(process.execPath, args, { stdio: ['ignore', writer, 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    running++
    child.on('close', () => running--)
  }
  const parts: Buffer[] = []
  await until(
    () => {
      parts.push(read())
      return running === 0
    },
    'the processes to end',
    25_000
  )
  for (let part = read(); part.length > 0; part = read()) parts.push(part)
  t.equal(lines(Buffer.concat(parts).toString()).length, 1200)
})

t.test('a target that takes only parts gets every line whole, and there is room again afterwards', async (t) => {
  const pipe = openPipe(t, constants.O_NONBLOCK)
  let received = ''
  const read = () => {
    received += pipe.read().toString()
  }
  let dropped = 0
  const output = new LogOutput({
    target: pipe.writer,
    maxWaitingBytes: 300_000,
    onDropped: (count) => {
      dropped += count
    },
    onTrouble: (message) => t.fail(message)
  })
  let expected = ''
  for (let batch = 0; batch < 4; batch++) {
    for (let n = 0; n < 1000; n++) {
      const line = `${batch} ${n} ${'x'.repeat(n % 400)}\n`
      expected += line
      output.write(line)
    }
    let flushed = false
    void output.flush().then(() => {
      flushed = true
    })
    await until(() => {
      read()
      return flushed
    }, 'the output to be flushed')
  }
  for (let size = -1; size !== received.length; ) {
    size = received.length
    read()
  }
  t.equal(dropped, 0)
  t.ok(received === expected, `${received.length} of ${expected.length} characters`)

  output.write('the last words\n')
  output.flushSync()
  read()
  t.match(received, /the last words\n$/)
})
