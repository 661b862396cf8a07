import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { redisPing } from '../../src/doctor/redis-ping.ts'

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
      const server = createServer((socket) => {
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
