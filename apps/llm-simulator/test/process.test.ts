import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ask } from './fixtures/simulator.ts'

const ENTRY = fileURLToPath(new URL('../src/server.ts', import.meta.url))

interface Scope {
  teardown(cleanUp: () => unknown): void
}

function start(t: Scope, env: Record<string, string>, args: string[] = []) {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=@semibot/source', ENTRY, ...args], {
    env: { PATH: process.env.PATH, ENV_FILE: '/dev/null', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  const line = Promise.withResolvers<string>()
  child.stdout!.on('data', (piece) => {
    output.stdout += piece
    if (output.stdout.includes('\n')) line.resolve(output.stdout)
  })
  child.stderr!.on('data', (piece) => {
    output.stderr += piece
  })
  const exited = once(child, 'close').then(([code]) => code as number)
  return { child, output, line: line.promise, exited }
}

t.test('starts with one line, answers, and ends cleanly on SIGTERM while it lets an answer finish', async (t) => {
  const { child, output, line, exited } = start(t, {
    SIMULATOR_PORT: '0',
    SIMULATOR_FIRST_TOKEN_MS: '1',
    SIMULATOR_GAP_MS: '20'
  })
  const match =
    /^llm-simulator listens on (http:\/\/127\.0\.0\.1:\d+\/v1) \(first token after 1 ms, then every 20 ms\)\n$/.exec(
      await line
    )
  t.ok(match, output.stdout)
  const response = await fetch(`${match![1]}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ ...ask('[[sim:length=10]] hi'), stream: true })
  })
  child.kill('SIGTERM')
  t.match(await response.text(), /\[DONE\]/)
  const begun = performance.now()
  t.equal(await exited, 0)
  t.ok(performance.now() - begun < 1500, 'the connection that is kept alive does not hold it')
  t.equal(output.stderr, '')
})

t.test('an answer that takes too long does not hold the process', async (t) => {
  const { child, line, exited } = start(t, { SIMULATOR_PORT: '0' })
  const url = /http[^ ]+/.exec(await line)![0]
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ ...ask('[[sim:stall=1]] hi'), stream: true })
  })
  child.kill('SIGTERM')
  await t.rejects(response.text())
  t.equal(await exited, 0)
})

t.test('a taken port, a bad value and an unknown flag are said in one line each', async (t) => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const cases: [Record<string, string>, string[], RegExp][] = [
    [{ SIMULATOR_PORT: String(port) }, [], new RegExp(`port ${port} is taken; set SIMULATOR_PORT`)],
    [{ SIMULATOR_PORT: '0', SIMULATOR_GAP_MS: 'fast' }, [], /SIMULATOR_GAP_MS: "fast"/],
    [{ SIMULATOR_PORT: '0' }, ['--prot', '1'], /--prot/]
  ]
  for (const [env, args, message] of cases) {
    const { output, exited } = start(t, env, args)
    t.equal(await exited, 1)
    t.match(output.stderr, /^llm-simulator cannot start: /)
    t.match(output.stderr, message)
    t.notMatch(output.stderr, /\n\s+at /, 'no stack')
  }
})
