import type { FastifyBaseLogger } from 'fastify'
import t from 'tap'
import { createHealthLog } from '../../src/fallback/health-log.ts'

function record() {
  const lines: string[] = []
  const write = (_fields: object, message: string) => void lines.push(message)
  return { lines, log: { info: write, warn: write } as unknown as FastifyBaseLogger }
}

const bad = (checkedAt: number, detail = 'not reachable') => ({ healthy: false, detail, checkedAt, latencyMs: 1 })

t.test('a failing health check is logged at once, then once a minute', async (t) => {
  const { lines, log } = record()
  const write = createHealthLog(log, 60_000)
  for (let second = 0; second <= 120; second++) write('http://a', bad(second * 1000))
  t.same(lines, Array(3).fill('[RuntimeAdapter] 健康检查失败 错误: Runtime 无法连接 (RUNTIME_UNAVAILABLE)'))
})

t.test('the recovery is said once, and the next failure at once again', async (t) => {
  const { lines, log } = record()
  const write = createHealthLog(log, 60_000)
  const good = { healthy: true, detail: '', checkedAt: 0, latencyMs: 1 }
  write('http://a', good)
  t.same(lines, [], 'an instance that was never ill has nothing to recover from')
  write('http://a', bad(1))
  write('http://a', good)
  write('http://a', good)
  write('http://a', bad(2))
  t.equal(lines.length, 3)
  t.notMatch(lines[1], /失败/, 'the line must not be counted as a failure')
})

t.test('the code says what kind of trouble it is', async (t) => {
  const { lines, log } = record()
  const write = createHealthLog(log, 60_000)
  write('http://a', bad(1, 'no answer within 500 ms'))
  write('http://b', bad(1, 'answered 500'))
  t.match(lines, [/RUNTIME_STALLED\)$/, /RUNTIME_INTERNAL\)$/])
})
