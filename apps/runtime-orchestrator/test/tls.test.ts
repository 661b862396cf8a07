import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { makeCertificate, startRuntime, startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { makeRequest } from './helpers/execute.ts'
import { TOKEN } from './helpers/start-app.ts'
import { startServer } from './helpers/start-server.ts'

const run = promisify(execFile)
const authority = makeCertificate({ commonName: 'Authority' })
const leaf = makeCertificate({ issuer: authority, commonName: 'first' })
const folder = t.testdir({ 'ca.pem': authority.cert, 'cert.pem': leaf.cert, 'key.pem': leaf.key, 'text.pem': 'text' })
const file = (name: string) => join(folder, name)
const TLS = { RUNTIME_TLS_CERT: file('cert.pem'), RUNTIME_TLS_KEY: file('key.pem') }

/** Whom the certificate names that a new connection is shown. */
function shownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: authority.cert }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    }).on('error', reject)
  })
}

t.test('over TLS the service speaks HTTP/2 and HTTP/1.1, also with several workers', async (t) => {
  const simulator = await startSimulator(t)
  const runtime = await startRuntime(t, {
    ...TLS,
    ENV_FILE: '/dev/null',
    LLM_BASE_URL: simulator.baseUrl,
    DATABASE_URL: 'postgres://semibot@127.0.0.1:1/semibot',
    RUNTIME_SERVICE_TOKEN: TOKEN,
    RUNTIME_WORKERS: '2'
  })
  const { baseUrl } = runtime
  t.match(baseUrl, /^https:/)
  await waitFor(async () => (await curl('/metrics')).includes('\nruntime_workers 2\n'), {
    timeoutMs: 40_000,
    what: 'both workers'
  })

  /** As an operator types it, with the authority that signed the certificate. */
  async function curl(path: string, ...options: string[]): Promise<string> {
    const { stdout } = await run('curl', [
      '-sS',
      '--max-time',
      '20',
      '--cacert',
      file('ca.pem'),
      ...options,
      `${baseUrl}${path}`
    ])
    return stdout
  }

  await t.test('curl works as it does without', async (t) => {
    t.equal(await curl('/health'), '{"status":"healthy"}')
    t.equal(await curl('/health', '--http1.1', '-o', '/dev/null', '-w', '%{http_version}'), '1.1')
    const body = JSON.stringify(makeRequest('Say hello'))
    const headers = ['-H', `authorization: Bearer ${TOKEN}`, '-H', 'content-type: application/json']
    for (const version of ['--http2', '--http1.1']) {
      const text = await curl('/api/v1/execute/stream', '-N', version, ...headers, '-d', body, '-w', '%{http_version}')
      t.match(text, /^id: 1\nevent: execution\.started\n/)
      t.match(text, /event: execution\.completed\n.*\n\n(2|1\.1)$/)
    }
    const untrusted = await run('curl', ['-sS', `${baseUrl}/health`]).catch((error: { stderr: string }) => error)
    t.match(untrusted.stderr, /certificate/, 'an unknown authority is refused')
  })

  await t.test('SIGHUP: a new certificate is shown from then on, a bad one changes nothing', async (t) => {
    const port = runtime.port
    t.equal(await shownBy(port), 'first')
    const next = makeCertificate({ issuer: authority, commonName: 'second' })
    writeFileSync(file('cert.pem'), next.cert)
    writeFileSync(file('key.pem'), next.key)
    runtime.kill('SIGHUP')
    const read = () => runtime.lines.filter((line) => line.includes('[Runtime] certificate read')).length
    await waitFor(() => read() === 2, { timeoutMs: 20_000, what: 'each worker to have read it' })
    t.same([await shownBy(port), await shownBy(port)], ['second', 'second'])

    writeFileSync(file('cert.pem'), leaf.cert)
    runtime.kill('SIGHUP')
    const refused = () => runtime.lines.filter((line) => line.includes('[Runtime] certificate not replaced'))
    await waitFor(() => refused().length === 2, { timeoutMs: 20_000, what: 'each worker to have refused it' })
    t.match(refused()[0], /RUNTIME_TLS_KEY: .*key\.pem is not the private key.*of the certificate in .*cert\.pem/)
    t.same([await shownBy(port), await shownBy(port)], ['second', 'second'])
  })
})

t.test('files that are no good keep the service from starting, in one line', async (t) => {
  const cases: [environment: Record<string, string>, says: RegExp][] = [
    [
      { ...TLS, RUNTIME_TLS_CERT: file('none.pem') },
      /"msg":"RUNTIME_TLS_CERT: .*none\.pem cannot be read: there is no such file\."/
    ],
    [
      { ...TLS, RUNTIME_TLS_CERT: file('text.pem'), RUNTIME_WORKERS: '2' },
      /RUNTIME_TLS_CERT: .*text\.pem holds no certificate/
    ],
    [{ RUNTIME_TLS_CERT: file('ca.pem') }, /RUNTIME_TLS_KEY: not set/]
  ]
  const servers = cases.map(([environment, says]) => ({ server: startServer(t, environment), says }))
  for (const { server, says } of servers) {
    t.equal(await server.exited, 1)
    t.match(server.output(), says)
    t.equal(server.output().match(/RUNTIME_TLS_(CERT|KEY):/g)?.length, 1, 'said once')
    t.notMatch(server.output(), /\bat .*\.ts|PRIVATE KEY/)
  }
})
