import { createServer } from 'node:http'
import t from 'tap'
import { freePort } from '../src/claim.ts'
import { describeExit, ProcessStartError, startProcess } from '../src/process.ts'
import { isSameProcess, processStart } from '../src/process-identity.ts'
import { isOk } from '../src/readiness.ts'
import { waitFor } from '../src/wait-for.ts'

const node = (code: string) => ({ name: 'probe', command: process.execPath, args: ['-e', code] })
const RUNS = 'setInterval(() => {}, 1000)'

t.test('is ready at its line, gives its lines, and stops on SIGTERM', async (t) => {
  const seen: string[] = []
  const running = await startProcess({
    ...node(`console.log('one'); console.error('up'); ${RUNS}`),
    ready: { line: /^up$/ },
    log: (line) => seen.push(line)
  })
  t.ok(isSameProcess(running.pid, running.start))
  t.same(new Set(seen), new Set(['one', 'up']))
  t.equal(running.exit, undefined)
  t.same(await running.stop(), { code: null, signal: 'SIGTERM' })
  t.same(running.exit, { code: null, signal: 'SIGTERM' })
  t.same(await running.stop(), { code: null, signal: 'SIGTERM' }, 'stopping twice is fine')
})

t.test('is ready when its URL answers 200, not before', async (t) => {
  const port = await freePort()
  const running = await startProcess({
    ...node(
      `let calls = 0; require('node:http').createServer((q, r) => { r.statusCode = ++calls < 3 ? 503 : 200; r.end() }).listen(${port}, '127.0.0.1')`
    ),
    ready: { url: `http://127.0.0.1:${port}/` }
  })
  t.ok(await isOk(`http://127.0.0.1:${port}/`))
  await running.stop()
  await t.rejects(isOk(`http://127.0.0.1:${port}/`), { code: 'ECONNREFUSED' })
})

t.test('standard input and environment reach it', async (t) => {
  const running = await startProcess({
    ...node(`process.stdin.on('data', (d) => console.log(process.env.WORD + d)); ${RUNS}`),
    env: { WORD: 'in:' },
    input: 'text',
    ready: { line: /^in:text$/ }
  })
  t.same(running.lines, ['in:text'])
  await running.stop()
})

t.test('one that ends early is reported with its exit code and last words', async (t) => {
  const failing = startProcess({
    ...node("console.error('no such table'); process.exitCode = 3"),
    ready: { line: /never/ }
  })
  await t.rejects(failing, new ProcessStartError('probe', 'ended with exit code 3', ['no such table']))
  await t.rejects(failing, { message: /probe did not start: ended with exit code 3\n {2}no such table/ })
})

t.test('one that stays silent is ended', async (t) => {
  const failing = startProcess({
    ...node(`console.log(process.pid); ${RUNS}`),
    ready: { line: /never/ },
    readyTimeoutMs: 300
  })
  const error = await failing.then(
    () => undefined,
    (reason: ProcessStartError) => reason
  )
  t.match(error?.message, /probe did not start: its line of readiness did not come within 300 ms/)
  t.equal(processStart(Number(error?.lines[0])), '', 'its process is gone')
})

t.test('a program that does not exist is reported by name', async (t) => {
  const missing = startProcess({ name: 'probe', command: '/nonexistent/program', ready: { line: /x/ } })
  await t.rejects(missing, {
    name: 'ProcessStartError',
    message: /probe did not start: spawn \/nonexistent\/program ENOENT/
  })
})

t.test('one that ignores SIGTERM is killed with its children', async (t) => {
  const child = `process.on('SIGTERM', () => {}); console.log('child ' + process.pid); ${RUNS}`
  const running = await startProcess({
    ...node(
      `process.on('SIGTERM', () => {}); require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' }); ${RUNS}`
    ),
    ready: { line: /^child/ },
    stopTimeoutMs: 200
  })
  const childPid = Number(running.lines[0]?.split(' ')[1])
  t.same(await running.stop(), { code: null, signal: 'SIGKILL' })
  await waitFor(() => processStart(childPid) === '', { what: 'the child to be gone' })
})

t.test('a test file that is ended from outside leaves no process behind', async (t) => {
  const module = (path: string) => new URL(`../src/${path}`, import.meta.url).href
  const child = `{ name: 'child', command: process.execPath, args: ['-e', "console.log('up'); ${RUNS}"], ready: { line: /up/ } }`
  const file = await startProcess({
    name: 'test file',
    command: process.execPath,
    args: [
      '--input-type=module',
      '-e',
      `await import('${module('test/scope.ts')}')
      const { startProcess } = await import('${module('process.ts')}')
      console.log('child ' + (await startProcess(${child})).pid)`
    ],
    ready: { line: /^child \d+$/ }
  })
  const childPid = Number(/\d+$/.exec(file.lines.at(-1) ?? '')?.[0])
  t.same(await file.stop(), { code: 143, signal: null })
  await waitFor(() => processStart(childPid) === '', { what: 'the child to be gone' })
})

t.test('one that was paused still stops', async (t) => {
  const running = await startProcess({
    ...node(`process.on('SIGTERM', () => process.exit(5)); console.log('up'); ${RUNS}`),
    ready: { line: /up/ }
  })
  running.kill('SIGSTOP')
  t.same(await running.stop(), { code: 5, signal: null })
})

t.test('a start is given up when its signal says so', async (t) => {
  const stop = new AbortController()
  const failing = startProcess({
    ...node(`console.log('pid ' + process.pid); ${RUNS}`),
    ready: { check: () => false },
    signal: stop.signal,
    log: () => stop.abort(new Error('Ctrl-C'))
  })
  await t.rejects(failing, { message: 'Ctrl-C' })
})

t.test('a server that accepts and never answers is not ok', async (t) => {
  const server = createServer(() => {})
  t.teardown(() => server.closeAllConnections())
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  await t.rejects(isOk(`http://127.0.0.1:${port}/`), { message: /did not answer within 1 s/ })
})

t.test('exits are put in words', async (t) => {
  t.equal(describeExit({ code: 1, signal: null }), 'ended with exit code 1')
  t.equal(describeExit({ code: null, signal: 'SIGKILL' }), 'was killed by SIGKILL')
})
