import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate, startApi, startRuntime, type TestService, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { startPair } from '../helpers/start-pair.ts'

const authority = makeCertificate({ commonName: 'Authority' })
const leaf = makeCertificate({ issuer: authority })
const folder = t.testdir({ 'ca.pem': authority.cert, 'cert.pem': leaf.cert, 'key.pem': leaf.key })
const TLS = { RUNTIME_TLS_CERT: join(folder, 'cert.pem'), RUNTIME_TLS_KEY: join(folder, 'key.pem') }
const CHATS = 20

/** Established TCP connections of this machine to a port, as their clients see them. */
function connectionsTo(port: number): number {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
  return rows.filter((row) => {
    const [, , address = '', state] = row.trim().split(/\s+/)
    return address.endsWith(remote) && state === '01'
  }).length
}

const pair = await startPair(t, {
  runtimes: 2,
  runtimeEnv: TLS,
  apiEnv: {
    RUNTIME_TLS_CA: join(folder, 'ca.pem'),
    RUNTIME_CONNECT_TIMEOUT_MS: '5000',
    RUNTIME_ACCEPT_TIMEOUT_MS: '5000'
  }
})
const { stream, inRuntime, runtimes, apiEnv } = pair

t.test('chats go to the runtime by HTTP/2: many of them over few connections', async (t) => {
  const chats = await Promise.all(
    Array.from({ length: CHATS }, () => stream(inRuntime, { message: 'Tell me [[sim:length=120 gap=20]]' }))
  )
  await Promise.all(chats.map((chat) => chat.until(({ type }) => type === 'message.delta')))
  const connections = runtimes.reduce((sum, { port }) => sum + connectionsTo(port), 0)
  t.ok(connections >= 2 && connections < CHATS / 2, `${connections} connections for ${CHATS} chats on two runtimes`)
  for (const chat of chats) {
    const events = await chat.ended
    t.equal(chat.headers.get('x-semibot-execution-mode'), 'runtime_orchestrator')
    t.match(events.at(-1), { type: 'execution.completed', mode: 'runtime_orchestrator' })
  }
})

t.test('a cancel reaches the runtime over HTTP/2', async (t) => {
  const chat = await stream(inRuntime, { message: 'Wait [[sim:hang]]' })
  await chat.until(({ type }) => type === 'execution.started')
  await waitFor(async () => ((await pair.simulator.stats()).open ?? 0) > 0, { what: 'the model call' })
  const id = chat.headers.get('x-execution-id')
  t.equal((await pair.call(inRuntime, 'POST', `/chat/executions/${id}/cancel`)).status, 202)
  t.match((await chat.ended).at(-1), { type: 'execution.cancelled' })
  await waitFor(async () => (await pair.simulator.stats()).open === 0, { what: 'the model call to end' })
})

t.test('one runtime after the other is restarted under load: no chat fails', async (t) => {
  const stop = new AbortController()
  const ends: string[] = []
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const chat = await stream(inRuntime, { message: 'Tell me [[sim:length=30 gap=20]]' })
      const last = chat.status === 200 ? (await chat.ended).at(-1)?.type : `status ${chat.status}`
      ends.push(String(last))
    }
  }
  const clients = Array.from({ length: 4 }, client)
  for (const [index, runtime] of runtimes.entries()) {
    await waitFor(() => ends.length >= 6 * (index + 1), { timeoutMs: 30_000, what: 'chats before the restart' })
    await runtime.stop()
    runtimes[index] = await startAgain(runtime)
  }
  const before = ends.length
  await waitFor(() => ends.length >= before + 8, { timeoutMs: 30_000, what: 'chats after the restarts' })
  stop.abort()
  await Promise.all(clients)
  t.same([...new Set(ends)], ['execution.completed'], `${ends.length} chats`)

  async function startAgain({ port }: TestService): Promise<TestService> {
    const { DATABASE_URL, LLM_BASE_URL, RUNTIME_SERVICE_TOKEN, SHUTDOWN_GRACE_MS } = apiEnv as Record<string, string>
    const env = { DATABASE_URL, LLM_BASE_URL, RUNTIME_SERVICE_TOKEN, SHUTDOWN_GRACE_MS } as Record<string, string>
    return await startRuntime(t, { ...env, ...TLS, RUNTIME_PORT: String(port) })
  }
})

t.test('an authority file that is no good keeps the api from starting, with its key and the reason', async (t) => {
  const started = startApi(t, { ...apiEnv, RUNTIME_TLS_CA: join(folder, 'none.pem') })
  await t.rejects(started, { message: /RUNTIME_TLS_CA: .*none\.pem cannot be read: there is no such file\./ })
})
