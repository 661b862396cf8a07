import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createDatabase } from '@semibot/db'
import { createTestDatabase, makeCertificate, missingRedis, testRedisUrl } from '@semibot/stack/test'
import { sql } from 'kysely'
import t from 'tap'
import { checkDisk, checkLoad } from '../src/doctor/check-machine.ts'
import { checkNode } from '../src/doctor/check-node.ts'
import type { Finding } from '../src/doctor/finding.ts'
import { redisPing } from '../src/doctor/redis-ping.ts'
import { json, semibot, semibotHere } from './fixtures/semibot.ts'
import { serve } from './fixtures/serve.ts'

const healthy: RequestListener = (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(request.url === '/health' ? '{"status":"healthy"}' : '{"status":"ready"}')
}

type Scope = Parameters<typeof serve>[0]

async function doctor(
  env: Record<string, string>
): Promise<{ code: number | null; findings: Finding[]; stderr: string }> {
  const outcome = await semibotHere(['doctor', '--json'], env)
  return { code: outcome.code, stderr: outcome.stderr, findings: json<{ findings: Finding[] }>(outcome).findings }
}

function of(findings: readonly Finding[], check: string): Finding | undefined {
  return findings.find((finding) => finding.check === check)
}

t.test('a read URL that names no replica, or nothing, is a warning: the primary answers', async (t) => {
  const url = await createTestDatabase(t)
  const primary = await doctor({ DATABASE_URL: url, DATABASE_READ_URL: url })
  t.match(of(primary.findings, 'replica'), { state: 'warn', message: /^no replica of the database at postgres:/ })
  const nobody = 'postgres://ann:geheim@127.0.0.1:1/db'
  const gone = await doctor({ DATABASE_URL: url, DATABASE_READ_URL: nobody })
  t.match(of(gone.findings, 'replica'), { state: 'warn', message: /ECONNREFUSED .*at postgres:\/\/ann:\*\*\*@/ })
  t.equal(of((await doctor({ DATABASE_URL: url })).findings, 'replica'), undefined)
})

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

t.test('a runtime with a certificate of an own authority is asked with RUNTIME_TLS_CA', async (t) => {
  const certificate = makeCertificate()
  const server = createSecureServer(certificate, healthy).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ca = join(t.testdir({ 'ca.pem': certificate.cert }), 'ca.pem')
  for (const [file, state, message] of [
    [ca, 'ok', /is ready/],
    ['', 'warn', /self-signed certificate.* at https:/],
    ['/none.pem', 'warn', /\/none\.pem/]
  ] as const) {
    const { findings } = await doctor({ RUNTIME_SERVICE_URL: url, RUNTIME_TLS_CA: file })
    t.match(of(findings, 'runtime'), { state, message }, `${state}: ${String(message)}`)
  }
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

const ANSWERS: readonly [name: string, listener: RequestListener, message: RegExp][] = [
  ['another program', (_request, response) => response.end('<html>'), /answers 200 and not a Semibot's health/],
  ['an error', (_request, response) => response.writeHead(500).end(), /answers 500 and not/],
  [
    'one that is not ready',
    (request, response) =>
      request.url === '/health' ? healthy(request, response) : response.writeHead(503).end('{"migrations":"missing"}'),
    /up and not ready: \{"migrations":"missing"\}/
  ],
  ['one that hangs', () => undefined, /no answer within 3000 ms/]
]

for (const [name, listener, message] of ANSWERS) {
  t.test(`a service behind whose port is ${name}`, async (t) => {
    const { findings } = await doctor({ BASE_URL: await serve(t, listener) })
    t.match(of(findings, 'api'), { state: 'fail', message, advice: /\w/ })
  })
}

t.test('Redis: a real server answers, a wrong port fails', { skip: missingRedis() }, async (t) => {
  const { findings } = await doctor({ REDIS_URL: testRedisUrl(t) })
  t.match(of(findings, 'redis'), { state: 'ok', message: /^PONG/ })
  const refused = await doctor({ REDIS_URL: 'redis://:geheim@127.0.0.1:1' })
  t.match(of(refused.findings, 'redis'), { state: 'fail', message: /ECONNREFUSED.*redis:\/\/:\*\*\*@127/ })
})

const REDIS_TALK: readonly [url: string, answer: string | null, said: RegExp, result: RegExp | null][] = [
  ['redis://HOST', '+PONG\r\n', /^\*1\r\n\$4\r\nPING\r\n$/, null],
  ['redis://:p%40ss@HOST/3', '+OK\r\n+PONG\r\n', /^\*2\r\n\$4\r\nAUTH\r\n\$4\r\np@ss\r\n\*1/, null],
  ['redis://ann:pw@HOST', '+OK\r\n+PONG\r\n', /^\*3\r\n\$4\r\nAUTH\r\n\$3\r\nann\r\n\$2\r\npw\r\n/, null],
  ['redis://HOST', '-NOAUTH Authentication required.\r\n', /PING/, /^NOAUTH Authentication required\.$/],
  ['redis://HOST', '', /PING/, /closed without an answer/],
  ['redis://HOST', null, /PING/, /no answer within 200 ms/]
]

for (const [url, answer, said, result] of REDIS_TALK) {
  t.test(
    `PING to ${url}, answered ${JSON.stringify(answer)}, ${result === null ? 'is fine' : `fails with ${result}`}`,
    async (t) => {
      let heard = ''
      const sockets: Socket[] = []
      const server = createTcpServer((socket) => {
        sockets.push(socket)
        socket
          .on('error', () => undefined)
          .on('data', (chunk) => {
            heard += chunk
            if (!heard.endsWith('PING\r\n')) return
            if (answer === '') socket.end()
            else if (answer !== null) socket.write(answer)
          })
      })
      const { promise, resolve } = Promise.withResolvers<void>()
      server.listen(0, '127.0.0.1', resolve)
      await promise
      t.teardown(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('no port')
      const ping = redisPing(url.replace('HOST', `127.0.0.1:${address.port}`), answer === null ? 200 : 5000)
      if (result === null) await t.resolves(ping)
      else await t.rejects(ping, { message: result })
      t.match(heard, said)
    }
  )
}

const calm = {
  status: {
    fallbackEnabled: false,
    fallbackReason: '',
    since: '2026-01-01T00:00:00.000Z',
    forced: null,
    store: 'memory',
    degraded: false,
    instances: [{ url: 'http://r:8000', isUp: true, out: '', health: null }],
    history: [] as object[]
  },
  metrics: {
    windowSeconds: 300,
    runtime: { total: 100, errorRate: 0.01, p95LatencyMs: 900 as number | null, byCode: {} as Record<string, number> }
  }
}

const change = (state: string, minutesAgo: number) => ({
  kind: 'transition',
  state,
  createdAt: new Date(Date.now() - minutesAgo * 60_000).toISOString()
})
const flaps = [2, 4, 6, 8, 10, 12].map((ago, index) => change(index % 2 === 0 ? 'closed' : 'open', ago))
const forced = { mode: 'open', actor: 'ann', reason: 'upgrade', expiresAt: '2026-01-01T01:00:00.000Z' }
const down = { url: 'http://r:8000', isUp: false, out: 'health', health: { healthy: false, detail: 'answers 500' } }

type Reported = { status?: object; runtime?: object }

const OPERATION: readonly [name: string, reported: Reported, check: string, message: RegExp, advice: RegExp][] = [
  [
    'chats fall back',
    { status: { fallbackEnabled: true, fallbackReason: '无法连接' } },
    'fallback',
    /fall back to direct_llm since 2026.*无法连接/,
    /scenario 1/
  ],
  [
    'somebody has forced it',
    { status: { forced } },
    'fallback',
    /ann has forced it open until 2026.*upgrade/,
    /"auto"/
  ],
  [
    'an instance is out',
    { status: { instances: [down] } },
    'instance',
    /r:8000 gets no calls \(health, health: ans/,
    /log/
  ],
  [
    'many fail',
    { runtime: { errorRate: 0.3, byCode: { RUNTIME_INTERNAL: 2, RUNTIME_TIMEOUT: 28 } } },
    'errors',
    /30\.0 % of 100 .*28 of them RUNTIME_TIMEOUT/,
    /RUNTIME_EXECUTION_TIMEOUT_MS/
  ],
  ['it is slow', { runtime: { p95LatencyMs: 7000.4 } }, 'latency', /P95 of the runtime is 7000 ms/, /scenario 3/],
  ['it flaps', { status: { history: flaps } }, 'flapping', /^6 changes of the fallback in 30 minutes/, /scenario 4/],
  ['Redis is away', { status: { degraded: true } }, 'replicas', /out of reach/, /check Redis/]
]

async function operatorApi(t: Scope, { status = {}, runtime = {} }: Reported): Promise<string> {
  return await serve(t, (request, response) => {
    const { metrics } = calm
    if (request.url?.endsWith('/fallback/status')) response.end(JSON.stringify({ data: { ...calm.status, ...status } }))
    else if (request.url?.endsWith('/runtime/metrics')) {
      response.end(JSON.stringify({ data: { ...metrics, runtime: { ...metrics.runtime, ...runtime } } }))
    } else healthy(request, response)
  })
}

for (const [name, reported, check, message, advice] of OPERATION) {
  t.test(`what the api reports: ${name}, is a warning with the next step`, async (t) => {
    const { findings } = await doctor({ BASE_URL: await operatorApi(t, reported), ADMIN_TOKEN: 'x'.repeat(32) })
    t.match(of(findings, check), { state: 'warn', message, advice })
    const others = findings.filter((finding) => ['fallback', 'errors', 'latency', 'flapping'].includes(finding.check))
    t.equal(others.length, 4)
    t.strictSame(
      others.filter((finding) => finding.check !== check && finding.state !== 'ok'),
      [],
      'and nothing else is'
    )
  })
}

t.test('few executions are no rate, and a wrong token is said', async (t) => {
  const quiet = { runtime: { total: 2, errorRate: 1, p95LatencyMs: 9000, byCode: { RUNTIME_INTERNAL: 2 } } }
  const { findings } = await doctor({ BASE_URL: await operatorApi(t, quiet), ADMIN_TOKEN: 'x'.repeat(32) })
  t.match([of(findings, 'errors'), of(findings, 'latency')], [{ state: 'ok' }, { state: 'ok' }])
  const refusing = await serve(t, (request, response) => {
    if (request.url?.startsWith('/api/')) response.writeHead(401).end('{"error":{"code":"UNAUTHENTICATED"}}')
    else healthy(request, response)
  })
  const refused = await doctor({ BASE_URL: refusing, ADMIN_TOKEN: 'x'.repeat(32) })
  t.match(of(refused.findings, 'fallback'), { state: 'warn', message: /answered 401/, advice: /ADMIN_TOKEN/ })
})

t.test('several api processes without Redis are warned of, by configuration and by what runs', async (t) => {
  const { findings } = await doctor({ API_INSTANCES: '2' })
  t.match(of(findings, 'redis'), { state: 'warn', message: /API_INSTANCES is 2/, advice: /set REDIS_URL/ })
  const url = await createTestDatabase(t)
  const handle = createDatabase({ url, max: 1, applicationName: 'doctor-test' })
  await sql`insert into service_instances (id, kind) values ('a', 'api'), ('b', 'api'), ('r', 'runtime')`.execute(
    handle.db
  )
  await handle.close()
  const env = { DATABASE_URL: url, ADMIN_TOKEN: 'x'.repeat(32) }
  const alone = await doctor({ ...env, BASE_URL: await operatorApi(t, {}) })
  t.match(of(alone.findings, 'replicas'), { state: 'warn', message: /^2 api processes run/, advice: /same REDIS_URL/ })
  const shared = await doctor({ ...env, BASE_URL: await operatorApi(t, { status: { store: 'redis' } }) })
  t.equal(of(shared.findings, 'replicas'), undefined)
})

t.test('a service that is ready without what it depends on is a warning that names it', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/health') return healthy(request, response)
    response.end(
      '{"status":"ready","dependencies":{"redis":{"state":"off"},"llm":{"state":"down","detail":"does not answer"}}}'
    )
  })
  const { findings } = await doctor({ BASE_URL: url })
  t.match(of(findings, 'api'), {
    state: 'warn',
    message: /ready, but llm is down \(does not answer\)$/,
    advice: /ready/
  })
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
