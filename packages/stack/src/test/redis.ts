import { execFileSync } from 'node:child_process'
import { claim, releaseClaim } from '../claim.ts'
import { requiredVariable, type TestScope } from './scope.ts'

/** Reason of the only skip that the test run accepts, and that only when CI is not set. */
export const MISSING_REDIS = 'redis-server is missing on this machine'

const EXAMPLE = 'redis://127.0.0.1:6379'
const DATABASES = 16

/** For `t.test('...', { skip: missingRedis() }, ...)`: false unless the test run said that there is no redis-server. */
export function missingRedis(): false | string {
  return !process.env.TEST_REDIS_URL && process.env.TEST_SERVICES === 'postgres' ? MISSING_REDIS : false
}

/**
 * The server of TEST_REDIS_URL with a database number that no other test process has, emptied before and after.
 * Throws when TEST_REDIS_URL is not set or all numbers are taken.
 */
export function testRedisUrl(t: TestScope): string {
  const server = new URL(requiredVariable('TEST_REDIS_URL', EXAMPLE))
  for (let number = 1; number < DATABASES; number++) {
    const name = `redis-${server.hostname}-${server.port}-${number}`
    if (!claim(name)) continue
    server.pathname = `/${number}`
    flush(server)
    t.teardown(() => {
      flush(server)
      releaseClaim(name)
    })
    return server.href
  }
  throw new Error(`all ${DATABASES - 1} databases of TEST_REDIS_URL are taken by running tests`)
}

const FLUSH = `
const [host, port, password, number] = process.argv.slice(1)
const socket = require('node:net').connect({ host, port: Number(port), timeout: 5000 })
const commands = [...(password ? [['AUTH', password]] : []), ['SELECT', number], ['FLUSHDB']]
socket.on('timeout', () => socket.destroy(new Error('redis did not answer within 5 s')))
socket.end(commands.map((words) => '*' + words.length + '\\r\\n' + words.map((word) => '$' + word.length + '\\r\\n' + word + '\\r\\n').join('')).join(''))
let answer = ''
socket.on('data', (chunk) => { answer += chunk }).on('close', () => {
  if (!/^(\\+OK\\r\\n)+$/.test(answer)) throw new Error('redis answered: ' + answer)
})`

/** In a process of its own: the caller is synchronous, and needs no client library for two commands. */
function flush(url: URL): void {
  const password = decodeURIComponent(url.password)
  const parts = [url.hostname, url.port || '6379', password, url.pathname.slice(1)]
  execFileSync(process.execPath, ['-e', FLUSH, ...parts], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })
}
