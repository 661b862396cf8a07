// The anchor: a bare relay. Fastify takes the request, undici asks the upstream, the body goes back as a stream.
// No authentication, no schema, no storage, no metrics: what any Node gateway costs at least.
import { fastify } from 'fastify'
import { Pool } from 'undici'

const upstream = process.env.UPSTREAM ?? ''
const pool = new Pool(upstream, { connections: null })
const app = fastify({ logger: false, bodyLimit: 1024 * 1024 })

app.post('/relay', async (request, reply) => {
  const { message, stream } = request.body as { message: string; stream?: boolean }
  const answer = await pool.request({
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'bench', stream: stream !== false, messages: [{ role: 'user', content: message }] })
  })
  reply.header('content-type', String(answer.headers['content-type']))
  return reply.send(answer.body)
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
process.stdout.write('pipe listens\n')
process.on('SIGTERM', () => process.exit(0))
