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
