import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isSameProcess, startStack, writeDevEnv } from '@semibot/stack'
import { bareEnvironment, createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { showFailover } from '../src/demo/failover.ts'
import { findRunningStack } from '../src/demo/find-running-stack.ts'
import { runtimeLogLines } from '../src/demo/log-lines.ts'
import { json, semibot, semibotHere } from './fixtures/semibot.ts'

// `semibot demo failover` beside a stack as npm start brings it up.

const folder = mkdtempSync(join(tmpdir(), 'semibot-demo-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const home = join(folder, 'state')
const env = { SEMIBOT_HOME: home }

t.test('where nothing runs it says in one line what to do', async (t) => {
  const outcome = await semibotHere(['demo', 'failover'], env)
  t.match(outcome, { code: 1, stdout: '' })
  t.equal(
    outcome.stderr,
    `semibot: nothing of npm start runs on ${home}: run npm start in another terminal, then this again\n`
  )
})

t.test('beside npm start', async (t) => {
  const stack = await startStack({
    home,
    env: { ...bareEnvironment(), DATABASE_URL: await createTestDatabase(t) },
    freePorts: true,
    redis: 'none',
    restart: true,
    logFolder: join(home, 'logs')
  })
  t.teardown(() => stack.stop())
  writeDevEnv(stack)
  const runtimeOf = () => stack.processes.find(({ name }) => name === 'runtime')
  const before = runtimeOf()
  const isAlive = () => isSameProcess(before?.pid ?? 0, before?.start ?? '')

  const force = async (body: object) => {
    const response = await fetch(`${stack.urls.api[0]}/api/v1/runtime/fallback/force`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.adminToken}`, 'content-type': 'application/json', 'x-actor': 'ada' },
      body: JSON.stringify(body)
    })
    await response.text()
    t.equal(response.status, 200, 'the order is accepted')
  }

  t.test('a runtime that npm start does not run is never killed', async (t) => {
    const found = await findRunningStack({ environment: env, directory: '/' })
    const marks: string[] = []
    const elsewhere = { ...found, runtimes: () => found.runtimes().map((entry) => ({ ...entry, port: 1 })) }
    const demo = showFailover(elsewhere, { text: () => {}, mark: (line) => void marks.push(line) })
    await t.rejects(demo, {
      message: /^the api sends chats to http:\/\/127\.0\.0\.1:\d+, which npm start does not run/
    })
    t.strictSame(marks, [])
    t.ok(isAlive())
  })

  t.test('it does not meddle with what an operator has ordered', async (t) => {
    await force({ mode: 'open', reason: 'maintenance' })
    const outcome = await semibotHere(['demo', 'failover'], env)
    t.match(outcome, { code: 1, stdout: '' })
    t.match(outcome.stderr, /^semibot: \S+\/ada has forced the fallback open \(maintenance\): end that first\n$/)
    t.ok(isAlive())
    await force({ mode: 'auto' })
  })

  t.test('the runtime dies in the middle of a chat, the chat goes on, and all is well again', async (t) => {
    const { code, stdout, stderr } = await semibotHere(['demo', 'failover'], env)
    t.equal(code, 0, stderr)
    t.notOk(isAlive(), 'it was killed')
    const pid = before?.pid ?? 0
    const lines = [
      '── the fallback of an earlier incident is reset',
      '── asked, as dev-runtime: Tell me what happens when the runtime dies.',
      '── answered by runtime_orchestrator',
      'These words come from the simulator',
      `── kill -9 ${pid}: the runtime is dead`,
      '── execution.fallback (RUNTIME_UNAVAILABLE): direct_llm takes over in the same response; the text so far is taken back',
      'Here the answer ends, complete.',
      '── complete: 2 attempts, one response, longest pause ',
      '── 6 other chats, sent at the moment of the kill: 6 answered',
      '── operators see: fallbackEnabled true, fallbackReason "无法连接", and in the log:',
      '[RuntimeAdapter] 执行失败 错误: Runtime 无法连接 (RUNTIME_UNAVAILABLE)',
      '[RuntimeAdapter] 触发自动回退 原因: 无法连接',
      'npm start has the runtime up again (pid ',
      'it has passed its trials: chats return to it'
    ]
    let from = 0
    for (const line of lines) {
      const at = stdout.indexOf(line, from)
      t.not(at, -1, `${line}\n${at === -1 ? stdout : ''}`)
      from = Math.max(from, at)
    }
    const pause = Number(/longest pause (\d+) ms/.exec(stdout)?.[1])
    t.ok(pause < 2500, `a pause of ${pause} ms`)
  })

  t.test('a second time, as JSON', async (t) => {
    const outcome = await semibot(['demo', 'failover', '--json'], env)
    t.equal(outcome.code, 0, outcome.stderr)
    t.match(json(outcome), {
      killedPids: [Number],
      retracted: true,
      answer: /^These words .* complete\.$/,
      attempts: 2,
      otherChats: 6,
      otherChatsAnswered: 6,
      fallbackReason: '无法连接'
    })
  })

  t.test('without a readable log there are no log lines, and no failure', async (t) => {
    t.strictSame(runtimeLogLines(folder, 0), [])
    t.ok(runtimeLogLines(home, 0).length >= 3)
    t.strictSame(runtimeLogLines(home, Date.now() + 60_000), [])
  })
})
