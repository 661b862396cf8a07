import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

const MAX_ANSWER = 4096

/** One command in the protocol of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

function commandsOf(url: URL): string {
  const password = decodeURIComponent(url.password)
  const user = decodeURIComponent(url.username)
  const auth = password === '' ? '' : encode(['AUTH', ...(user === '' ? [] : [user]), password])
  return auth + encode(['PING'])
}

/**
 * Says PING to the server of a `redis://` or `rediss://` URL; resolves on PONG. Rejects with what the server or the
 * network said, or after `timeoutMs` without an answer.
 */
export function redisPing(redisUrl: string, timeoutMs: number): Promise<void> {
  const url = new URL(redisUrl)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || 6379)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = url.protocol === 'rediss:' ? connectTls({ host, port, servername: host }) : connect({ host, port })
  let answer = ''
  socket.setEncoding('utf8')
  socket.setTimeout(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)))
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the connection was closed without an answer')))
  socket.on('data', (chunk) => {
    answer = (answer + chunk).slice(0, MAX_ANSWER)
    const refusal = /^-(.*)\r\n/m.exec(answer)
    if (refusal !== null) reject(new Error(refusal[1]))
    else if (/^\+PONG\r\n/m.test(answer)) resolve()
  })
  socket.write(commandsOf(url))
  return promise.finally(() => socket.destroy())
}
