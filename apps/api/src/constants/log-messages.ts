import { ERROR_TABLE, type ErrorCode } from '@semibot/chat-protocol'

/*
 * The runbook's grep and awk lines work on these texts: they are a contract with operators, and tests hold them.
 * What varies goes into fields before `msg`; after the code nothing may follow.
 */

/** What went wrong, as it stands at the end of a line: the pipelines group by it. */
function described(code: ErrorCode): string {
  return `${ERROR_TABLE[code].logText} (${code})`
}

export const LOG = {
  executionCompleted: (latencyMs: number) => `[RuntimeAdapter] 执行完成 耗时: ${Math.round(latencyMs)}ms`,
  attemptFailed: (code: ErrorCode) => `[RuntimeAdapter] 执行失败 错误: ${described(code)}`,
  chatFailed: (code: ErrorCode) => `[Chat] Runtime 执行失败 错误: ${described(code)}`,
  executionResumed: '[RuntimeAdapter] 执行转由另一实例继续',
  healthFailed: (code: ErrorCode) => `[RuntimeAdapter] 健康检查失败 错误: ${described(code)}`,
  fallbackEnabled: (reason: string) => `[RuntimeAdapter] 触发自动回退 原因: ${reason}`,
  fallbackDisabled: (reason: string) => `[RuntimeAdapter] 禁用自动回退 原因: ${reason}`,
  // Worded differently from the runtime's lines on purpose: the runbook's pipelines count the runtime only.
  directCompleted: (latencyMs: number) => `[DirectLlm] 回答完成 用时: ${Math.round(latencyMs)}ms`,
  directFailed: (code: ErrorCode) => `[DirectLlm] 回答出错 原因: ${described(code)}`
} as const
