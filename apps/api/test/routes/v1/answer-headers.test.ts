import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../../helpers/build-test-app.ts'

const PAGE = 'https://app.example.com'

t.test('an answer that streams has the headers of every other answer', async (t) => {
  const simulator = await startSimulator(t)
  const test = await buildTestApp(t, { LLM_BASE_URL: simulator.baseUrl, CORS_ORIGINS: PAGE })
  const { member } = await test.createOrganization('acme')
  const url = await test.app.listen({ host: '127.0.0.1', port: 0 })
  const headers = { ...member.headers, origin: PAGE, 'x-request-id': 'my-request', 'content-type': 'application/json' }

  for (const stream of [true, false]) {
    const body = JSON.stringify({ message: 'hi', stream })
    const answer = await fetch(`${url}/api/v1/chat`, { method: 'POST', headers, body })
    await answer.text()
    t.match(Object.fromEntries(answer.headers), {
      'content-type': stream ? /^text\/event-stream/ : /^application\/json/,
      'x-request-id': 'my-request',
      'x-execution-id': /^[0-9a-f-]{36}$/,
      'x-session-id': /^[0-9a-f-]{36}$/,
      'x-semibot-execution-mode': 'direct_llm',
      'access-control-allow-origin': PAGE,
      'access-control-expose-headers': /x-execution-id/,
      'x-content-type-options': 'nosniff',
      'content-security-policy': /^default-src 'none'/
    })
  }
})
