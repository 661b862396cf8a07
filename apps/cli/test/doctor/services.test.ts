import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeCertificate } from '@semibot/stack/test'
import t from 'tap'
import { doctor, healthy, of } from '../fixtures/doctor.ts'
import { serve } from '../fixtures/serve.ts'

const ANSWERS: readonly [name: string, listener: RequestListener, message: RegExp][] = [
  ['another program', (_request, response) => response.end('<html>'), /answers 200 and not a Semibot's health/],
  [
    'a service that answers with an error',
    (_request, response) => response.writeHead(500).end(),
    /answers 500 and not/
  ],
  [
    'a service that is not ready',
    (request, response) =>
      request.url === '/health' ? healthy(request, response) : response.writeHead(503).end('{"migrations":"missing"}'),
    /up and not ready: \{"migrations":"missing"\}/
  ],
  ['a service that hangs', () => undefined, /no answer within 3000 ms/]
]

for (const [name, listener, message] of ANSWERS) {
  t.test(`a port at which there is ${name} is a failure with what to do`, async (t) => {
    const { findings } = await doctor({ BASE_URL: await serve(t, listener) })
    t.match(of(findings, 'api'), { state: 'fail', message, advice: /\w/ })
  })
}

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
