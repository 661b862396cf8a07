import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, ERROR_TABLE } from '@semibot/chat-protocol'
import t from 'tap'
import { LOG } from '../../src/constants/log-messages.ts'

t.test('every phrase is what the runbook looks for', async (t) => {
  t.equal(LOG.executionCompleted(1234.4), '[RuntimeAdapter] 执行完成 耗时: 1234ms')
  t.equal(LOG.attemptFailed('RUNTIME_TIMEOUT'), '[RuntimeAdapter] 执行失败 错误: 执行超时 (RUNTIME_TIMEOUT)')
  t.equal(LOG.chatFailed('RUNTIME_TIMEOUT'), '[Chat] Runtime 执行失败 错误: 执行超时 (RUNTIME_TIMEOUT)')
  t.equal(LOG.healthFailed('RUNTIME_STALLED'), '[RuntimeAdapter] 健康检查失败 错误: Runtime 无响应 (RUNTIME_STALLED)')
  t.equal(LOG.fallbackEnabled('错误率过高'), '[RuntimeAdapter] 触发自动回退 原因: 错误率过高')
  t.equal(LOG.fallbackDisabled('手动重置'), '[RuntimeAdapter] 禁用自动回退 原因: 手动重置')
})

t.test('no text of a code breaks a pipeline', async (t) => {
  for (const code of ERROR_CODES) {
    const text = ERROR_TABLE[code].logText
    t.ok(text.length > 0 && !/失败|错误:|耗时|["\\\n]/.test(text), `${code}: ${text}`)
    t.match(LOG.chatFailed(code), new RegExp(`\\(${code}\\)$`), 'the code stands at the end')
  }
})

t.test("the lines of direct_llm are not counted as the runtime's", async (t) => {
  for (const line of [LOG.directCompleted(5), LOG.directFailed('LLM_UNAVAILABLE')]) {
    t.notMatch(line, /RuntimeAdapter|Runtime 执行失败|执行完成.*耗时/)
  }
})

t.test('what no pipeline searches for is found by none', async (t) => {
  const texts = Object.values(LOG).filter((text) => typeof text === 'string')
  t.ok(texts.length > 20)
  t.equal(new Set(texts).size, texts.length, 'no text stands for two things')
  for (const text of texts) t.notMatch(text, /RuntimeAdapter.*失败|自动回退|Runtime 执行失败|执行完成.*耗时/)
})

t.test('every text of the log is in this one file', async (t) => {
  const folder = fileURLToPath(new URL('../../src/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  t.ok(files.length > 80)
  const elsewhere = files.filter((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    return /\blog\??\.(?:info|warn|error|fatal)\((?:[^()]|\([^()]*\))*['"`](?:[^'"`]*)['"`]\)/.test(text)
  })
  t.strictSame(elsewhere, [])
})
