import { createServer, type Server } from 'node:net'
import t from 'tap'
import { checkModelServer, checkRuntime } from '../../src/routes/dependency-checks.ts'
import type { TestScope } from '../helpers/test-scope.ts'

/** A server that accepts and says what `answer` says. */
async function listen(t: TestScope, answer: string): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    if (answer !== '') socket.end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

t.test('a runtime', async (t) => {
  const ok = await listen(t, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
  t.same(await checkRuntime(ok), { state: 'up' })
  const draining = await listen(t, 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n')
  t.same(await checkRuntime(draining), { state: 'down', detail: 'answers /health with 503' })
  t.same(await checkRuntime('http://127.0.0.1:1'), { state: 'down', detail: 'cannot be reached' })
  t.same(await checkRuntime(await listen(t, 'HELLO')), { state: 'down', detail: 'cannot be reached' })
})

t.test('a runtime that accepts and says nothing is down, and noticed in time', async (t) => {
  const start = performance.now()
  t.same(await checkRuntime(await listen(t, '')), { state: 'down', detail: 'does not answer' })
  t.ok(performance.now() - start < 2000)
})

t.test('the server of a model', async (t) => {
  t.same(await checkModelServer(`${await listen(t, '')}/v1`), { state: 'up' }, 'it need not say anything')
  t.same(await checkModelServer('http://127.0.0.1:1/v1'), { state: 'down', detail: 'cannot be reached' })
  t.same(await checkModelServer('http://[::1]:1/v1'), { state: 'down', detail: 'cannot be reached' })
})
