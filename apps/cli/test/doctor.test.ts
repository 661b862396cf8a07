import type { RequestListener } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { createTestDatabase, missingRedis, testRedisUrl } from '@semibot/stack/test'
import t from 'tap'
import { checkNode } from '../src/doctor/check-node.ts'
import type { Finding } from '../src/doctor/finding.ts'
import { redisPing } from '../src/doctor/redis-ping.ts'
import { json, semibot, semibotHere } from './fixtures/semibot.ts'
import { serve } from './fixtures/serve.ts'

const healthy: RequestListener = (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(request.url === '/health' ? '{"status":"healthy"}' : '{"status":"ready"}')
}

async function doctor(
  env: Record<string, string>
): Promise<{ code: number | null; findings: Finding[]; stderr: string }> {
  const outcome = await semibotHere(['doctor', '--json'], env)
  return { code: outcome.code, stderr: outcome.stderr, findings: json<{ findings: Finding[] }>(outcome).findings }
}

function of(findings: readonly Finding[], check: string): Finding | undefined {
  return findings.find((finding) => finding.check === check)
}

t.test('everything is fine: each line says ok, exit code 0', async (t) => {
  const url = await serve(t, healthy)
  const env = { DATABASE_URL: await createTestDatabase(t), BASE_URL: url, RUNTIME_SERVICE_URL: url }
  const outcome = await semibot(['doctor'], env)
  t.equal(outcome.code, 0, outcome.stdout)
  t.match(
    outcome.stdout,
    /^ok {4}node: 24\.\d+\.\d+\nok {4}config: .*\nok {4}postgres: 1\d.*\nok {4}migrations: all \d+ .*\nok {4}redis: .*\nok {4}runtime: .*ready\nok {4}api: .*ready\n$/
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
  t.match(outcome, { code: 1, stderr: 'semibot: 2 of 6 checks failed\n' })
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

t.test('an old Node.js fails', async (t) => {
  t.match(checkNode('20.20.2'), { state: 'fail', message: '20.20.2 is too old' })
  t.match(checkNode('26.0.0'), { state: 'ok' })
})
