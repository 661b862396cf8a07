import { join } from 'node:path'
import { createTestDatabase, missingRedis, testRedisUrl } from '@semibot/stack/test'
import t from 'tap'
import { checkDisk, checkLoad } from '../src/doctor/check-machine.ts'
import { checkNode } from '../src/doctor/check-node.ts'
import { doctor, healthy, of } from './fixtures/doctor.ts'
import { semibot, semibotHere } from './fixtures/semibot.ts'
import { serve } from './fixtures/serve.ts'

t.test('everything is fine: each line says ok, exit code 0', async (t) => {
  const url = await serve(t, healthy)
  const env = { DATABASE_URL: await createTestDatabase(t), BASE_URL: url, RUNTIME_SERVICE_URL: url }
  const outcome = await semibot(['doctor'], env)
  t.equal(outcome.code, 0, outcome.stdout)
  // Whether the database has the statistics, the disk is full and the machine busy is not for this test to say.
  t.match(
    outcome.stdout.replaceAll(/\n {8}do: .*/g, ''),
    new RegExp(
      [
        '^ok {4}node: 24\\.\\d+\\.\\d+',
        'ok {4}config: .*',
        'ok {4}postgres: 1\\d.*',
        'ok {4}migrations: all \\d+ .*',
        '(ok {4}|warn {2})statements: .*',
        'ok {4}redis: .*',
        'ok {4}runtime: .*ready',
        'ok {4}api: .*ready',
        'warn {2}fallback: not asked: no ADMIN_TOKEN is known here',
        '(ok {4}|warn {2})disk: \\S+ GiB .*',
        '(ok {4}|warn {2})load: .* cores .*\\n$'
      ].join('\\n')
    )
  )
  t.equal(outcome.stderr, '')
})

t.test('nothing runs: what is needed fails with what to do, the runtime only warns', async (t) => {
  const env = {
    DATABASE_URL: 'postgres://u:geheim@127.0.0.1:1/d',
    API_PORT: '1',
    RUNTIME_SERVICE_URL: 'http://127.0.0.1:1'
  }
  const outcome = await semibotHere(['doctor'], env)
  t.match(outcome, { code: 1, stderr: 'semibot: 2 of 8 checks failed\n' })
  t.match(outcome.stdout, /^FAIL {2}postgres: .*ECONNREFUSED.*\n {8}do: npm start/m)
  t.match(outcome.stdout, /^warn {2}runtime: .*ECONNREFUSED.*\n {8}do: start it/m)
  t.match(outcome.stdout, /^FAIL {2}api: .*ECONNREFUSED.*\n {8}do: start it/m)
  t.notMatch(outcome.stdout, /geheim/)
  const needed = await doctor({ ...env, CHAT_RUNTIME_ENABLED_ORGS: 'acme' })
  t.equal(of(needed.findings, 'runtime')?.state, 'fail', 'it is needed as soon as somebody is admitted to it')
})

t.test('an empty database fails at its migrations', async (t) => {
  const { findings } = await doctor({ DATABASE_URL: await createTestDatabase(t, { migrated: false }) })
  t.match(of(findings, 'postgres'), { state: 'ok' })
  t.match(of(findings, 'migrations'), { state: 'fail', advice: 'run: semibot db migrate' })
})

t.test('bad keys are findings, and the rest is still checked', async (t) => {
  const url = await serve(t, healthy)
  const { findings } = await doctor({ API_PORT: 'x', LLM_MODLE: 'y', RUNTIME_SERVICE_URL: url })
  t.match(of(findings, 'config'), {
    state: 'fail',
    message: 'API_PORT is "x"',
    advice: /^set it in environment: a port/
  })
  t.match(findings.filter(({ check }) => check === 'config')[1], { state: 'warn', message: /did you mean LLM_MODEL/ })
  t.match(of(findings, 'postgres'), { state: 'fail', message: 'not checked' })
  t.match(of(findings, 'runtime'), { state: 'ok' })
})

t.test('a read URL that names no replica, or nothing, is a warning: the primary answers', async (t) => {
  const url = await createTestDatabase(t)
  const primary = await doctor({ DATABASE_URL: url, DATABASE_READ_URL: url })
  t.match(of(primary.findings, 'replica'), { state: 'warn', message: /^no replica of the database at postgres:/ })
  const nobody = 'postgres://ann:geheim@127.0.0.1:1/db'
  const gone = await doctor({ DATABASE_URL: url, DATABASE_READ_URL: nobody })
  t.match(of(gone.findings, 'replica'), { state: 'warn', message: /ECONNREFUSED .*at postgres:\/\/ann:\*\*\*@/ })
  t.equal(of((await doctor({ DATABASE_URL: url })).findings, 'replica'), undefined)
})

t.test('Redis: a real server answers, a wrong port fails', { skip: missingRedis() }, async (t) => {
  const { findings } = await doctor({ REDIS_URL: testRedisUrl(t) })
  t.match(of(findings, 'redis'), { state: 'ok', message: /^PONG/ })
  const refused = await doctor({ REDIS_URL: 'redis://:geheim@127.0.0.1:1' })
  t.match(of(refused.findings, 'redis'), { state: 'fail', message: /ECONNREFUSED.*redis:\/\/:\*\*\*@127/ })
})

t.test('a full disk, a busy machine and a log that cannot be written are findings', async (t) => {
  const statfs = (bavail: number) => (() => ({ blocks: 100, bavail, bsize: 1024 ** 3 })) as never
  t.match(checkDisk('/', statfs(5)), { state: 'warn', message: '5.0 GiB (5 %) are free at /', advice: /retention/ })
  t.match(checkDisk('/', statfs(50)), { state: 'ok' })
  t.match(checkLoad(9, 4), { state: 'warn', message: '9.0 on 4 cores in the last five minutes' })
  t.match(checkLoad(8, 4), { state: 'ok' })
  const { findings } = await doctor({ LOG_FILE: '/nonexistent/folder/api.log' })
  t.match(of(findings, 'log'), { state: 'fail', message: /LOG_FILE \/nonexistent\/folder\/api\.log: ENOENT/ })
  const fine = await doctor({ LOG_FILE: join(t.testdir({}), 'api.log') })
  t.match(of(fine.findings, 'log'), { state: 'ok' })
})

t.test('an old Node.js fails', async (t) => {
  t.match(checkNode('20.20.2'), { state: 'fail', message: '20.20.2 is too old' })
  t.match(checkNode('26.0.0'), { state: 'ok' })
})
