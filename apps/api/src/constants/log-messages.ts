import type { ErrorCode } from '@semibot/chat-protocol'

/*
 * The runbook's grep and awk lines work on these texts: they are a contract with operators, and tests hold them.
 * What varies goes into fields before `msg`; after the code nothing may follow.
 */

/** Short Chinese reason of each code, as it stands between `错误:` and the code. */
export const ERROR_TEXT: Record<ErrorCode, string> = {
  RUNTIME_UNAVAILABLE: 'Runtime 无法连接',
  RUNTIME_STALLED: 'Runtime 无响应',
  RUNTIME_TIMEOUT: '执行超时',
  RUNTIME_OVERLOADED: 'Runtime 已满载',
  RUNTIME_PROTOCOL: 'Runtime 响应格式错误',
  RUNTIME_INTERNAL: 'Runtime 内部错误',
  RUNTIME_DEPENDENCY: 'Runtime 依赖服务错误',
  LLM_RATE_LIMITED: '模型限流',
  LLM_UNAVAILABLE: '模型不可用',
  LLM_REJECTED: '模型拒绝请求',
  TOOL_FAILED: '工具执行出错',
  LIMIT_EXCEEDED: '超出执行限制',
  DEADLINE_EXCEEDED: '请求超时',
  VALIDATION_FAILED: '请求无效',
  UNAUTHENTICATED: '未认证',
  FORBIDDEN: '无权限',
  NOT_FOUND: '不存在',
  SESSION_BUSY: '会话正忙',
  IDEMPOTENCY_MISMATCH: '幂等键冲突',
  PAYLOAD_TOO_LARGE: '请求过大',
  RATE_LIMITED: '请求过于频繁',
  OVERLOADED: '服务已满载',
  EVENTS_EXPIRED: '事件已过期',
  SHUTTING_DOWN: '服务正在关闭',
  INTERNAL: '内部错误'
}

export const LOG = {
  executionCompleted: (latencyMs: number) => `[RuntimeAdapter] 执行完成 耗时: ${Math.round(latencyMs)}ms`,
  attemptFailed: (code: ErrorCode) => `[RuntimeAdapter] 执行失败 错误: ${ERROR_TEXT[code]} (${code})`,
  chatFailed: (code: ErrorCode) => `[Chat] Runtime 执行失败 错误: ${ERROR_TEXT[code]} (${code})`,
  healthFailed: (code: ErrorCode) => `[RuntimeAdapter] 健康检查失败 错误: ${ERROR_TEXT[code]} (${code})`,
  fallbackEnabled: (reason: string) => `[RuntimeAdapter] 触发自动回退 原因: ${reason}`,
  fallbackDisabled: (reason: string) => `[RuntimeAdapter] 禁用自动回退 原因: ${reason}`,
  // Worded differently from the runtime's lines on purpose: the runbook's pipelines count the runtime only.
  directCompleted: (latencyMs: number) => `[DirectLlm] 回答完成 用时: ${Math.round(latencyMs)}ms`,
  directFailed: (code: ErrorCode) => `[DirectLlm] 回答出错 原因: ${ERROR_TEXT[code]} (${code})`
} as const
