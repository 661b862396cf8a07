/** Texts of the api's log that the runbook's commands look for. */
export const FALLBACK_ENABLED = /^\[RuntimeAdapter\] 触发自动回退 原因: /
export const FALLBACK_DISABLED = /^\[RuntimeAdapter\] 禁用自动回退 原因: /
export const CHAT_FAILED = /^\[Chat\] Runtime 执行失败 错误: /
export const DIRECT_FAILED = /^\[DirectLlm\] 回答出错/

/** The line of a chat that failed on the runtime with this code. */
export function chatFailedWith(code: string): RegExp {
  return new RegExp(`^\\[Chat\\] Runtime 执行失败 错误: .* \\(${code}\\)$`)
}
