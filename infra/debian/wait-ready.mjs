// `node wait-ready.mjs api|runtime`: ends with 0 as soon as /ready of a service on this machine answers 200, else
// after 60 s with 1 and what it answered last. systemd runs it after the start of each service, so that `systemctl restart`
// returns when the service takes chats.
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { inspectEnv, RUNTIME_GROUPS } from './app/packages/config/dist/index.js'

const LIMIT_MS = 60_000
const [service = ''] = process.argv.slice(2)
if (service !== 'api' && service !== 'runtime') {
  process.stderr.write('usage: node wait-ready.mjs api|runtime\n')
  process.exit(2)
}

// The same rules as the service itself: environment, then ENV_FILE, then default. A wrong value is the service's to report.
const { readings } = inspectEnv(RUNTIME_GROUPS)
const value = (key) => readings.get(key)?.value
const host = value(service === 'api' ? 'API_HOST' : 'RUNTIME_HOST') ?? '127.0.0.1'
const port = value(service === 'api' ? 'API_PORT' : 'RUNTIME_PORT')
const secure = service === 'runtime' && value('RUNTIME_TLS_CERT') !== undefined

function ask() {
  return new Promise((resolve) => {
    const address = { host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port, path: '/ready' }
    const done = (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      response.once('end', () =>
        resolve({ ready: response.statusCode === 200, said: `${response.statusCode} ${body}` })
      )
    }
    // The certificate names the service, not the loopback address.
    const request = secure ? tlsRequest({ ...address, rejectUnauthorized: false }, done) : plainRequest(address, done)
    request.setTimeout(2000, () => request.destroy(new Error('no answer within 2 s')))
    request.once('error', (error) => resolve({ ready: false, said: error.message }))
    request.end()
  })
}

/** systemd says which process it waits for. One that has ended will not get ready any more. */
function isGone() {
  const pid = Number(process.env.MAINPID ?? 0)
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

const end = performance.now() + LIMIT_MS
for (;;) {
  const { ready, said } = await ask()
  if (ready) process.exit(0)
  if (isGone()) {
    process.stderr.write(`${service} has ended before it was ready\n`)
    process.exit(1)
  }
  if (performance.now() > end) {
    process.stderr.write(`/ready of ${service} on port ${port}: ${said.slice(0, 500)}\n`)
    process.exit(1)
  }
  await delay(200)
}
