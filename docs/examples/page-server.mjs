// The server behind browser.html: gives the page out, and a token of one end user. Node 20 or newer, no packages.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const { BASE_URL, API_KEY, PAGE_PORT = '8080' } = process.env
if (!BASE_URL || !API_KEY) {
  console.error('BASE_URL and API_KEY are not set: source .semibot/dev.env')
  process.exit(1)
}
const page = readFileSync(new URL('browser.html', import.meta.url))
// In earnest this is who has logged in. The user of a token sees its own sessions and nobody else's.
const userId = `visitor-${randomUUID()}`

async function mintToken() {
  const answer = await fetch(`${BASE_URL}/api/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId, expiresInSeconds: 600 })
  })
  if (!answer.ok) throw new Error(`no token: the api answered ${answer.status}`)
  const { token, expiresAt } = (await answer.json()).data
  return JSON.stringify({ api: BASE_URL, token, expiresAt })
}

createServer(async (request, response) => {
  try {
    const wantsToken = request.method === 'POST' && request.url === '/token'
    const body = wantsToken ? await mintToken() : page
    const type = wantsToken ? 'application/json' : 'text/html; charset=utf-8'
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
  } catch (error) {
    console.error(error.message)
    response.writeHead(502).end()
  }
}).listen(Number(PAGE_PORT), '127.0.0.1', () => {
  const origin = `http://localhost:${PAGE_PORT}`
  console.log(`open ${origin}; the api must run with CORS_ORIGINS=${origin}`)
})
