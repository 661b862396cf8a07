import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t from 'tap'
import { isListening } from '../src/claim.ts'
import { startRedis } from '../src/redis.ts'
import { missingRedis, testRedisUrl } from '../src/test.ts'

/** Sends commands in the inline form of the Redis protocol and gives the answers. */
async function ask(url: string, ...commands: string[]): Promise<string[]> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.end(`${[...commands, 'QUIT'].join('\r\n')}\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text.trim().split('\r\n').slice(0, -1)
}

t.test('a Redis of its own, with a password that is in no list of processes', { skip: missingRedis() }, async (t) => {
  const redis = await startRedis({ password: 'sesame', debianPackage: 'redis-server' })
  t.teardown(async () => redis?.stop())
  const url = redis?.url ?? ''
  t.match(url, /^redis:\/\/:sesame@127\.0\.0\.1:\d+$/)
  t.match(await ask(url, 'PING'), [/^-NOAUTH/])
  t.same(await ask(url, 'AUTH sesame', 'PING'), ['+OK', '+PONG'])
  t.notMatch(readFileSync(`/proc/${redis?.pid}/cmdline`, 'utf8'), 'sesame')
  await redis?.stop()
  t.notOk(await isListening(redis?.port ?? 0))
})

t.test('without the program there is no Redis, and no error', async (t) => {
  t.equal(await startRedis({ path: '/nonexistent' }), undefined)
})

t.test('each test has a database number of its own, empty at the start', { skip: missingRedis() }, async (t) => {
  // A server of its own: on that of the run other tests take and free numbers meanwhile.
  const redis = await startRedis({ debianPackage: 'redis-server' })
  const shared = process.env.TEST_REDIS_URL
  process.env.TEST_REDIS_URL = redis?.url
  t.teardown(async () => {
    process.env.TEST_REDIS_URL = shared
    await redis?.stop()
  })
  let url = ''
  await t.test('the first', async (t) => {
    url = testRedisUrl(t)
    const other = testRedisUrl(t)
    t.not(url, other)
    t.same(await ask(url, `SELECT ${new URL(url).pathname.slice(1)}`, 'SET key value', 'DBSIZE'), ['+OK', '+OK', ':1'])
    t.same(await ask(other, `SELECT ${new URL(other).pathname.slice(1)}`, 'DBSIZE'), ['+OK', ':0'])
  })
  await t.test('the next', async (t) => {
    t.equal(testRedisUrl(t), url, 'the number is free again')
    t.same(await ask(url, `SELECT ${new URL(url).pathname.slice(1)}`, 'DBSIZE'), ['+OK', ':0'])
  })
})
