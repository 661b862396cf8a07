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
  directFailed: (code: ErrorCode) => `[DirectLlm] 回答出错 原因: ${described(code)}`,

  // The rest is searched for by no pipeline, and must not be found by one: no 失败, no 自动回退.
  fallbackChanged: '[RuntimeAdapter] 回退状态变化',
  changeNotStored: '[RuntimeAdapter] 状态变化未保存',
  healthRecovered: '[RuntimeAdapter] 健康检查恢复',
  fallbackTrouble: '[RuntimeAdapter] 回退状态处理出错',
  instancesChanged: '[RuntimeAdapter] Runtime 实例列表变化',
  instancesUnresolved: '[RuntimeAdapter] 实例解析出错',
  forceNotRead: '[RuntimeAdapter] 手动强制状态未读取',
  executionCancelled: '[Chat] 执行已取消',
  executionLeft: '[Chat] 进程退出，执行留给其它进程继续',
  executionAdopted: '[Chat] 执行所属进程已退出，由本进程接管',
  executionUnowned: '[Chat] 接管的执行没有 Runtime 可继续，已结束',
  executionNotAdopted: '[Chat] 接管的执行未能保存',
  resultOvertaken: '[Chat] 执行结果未保存: 执行已由其它进程结束',
  resultNotStored: '[Chat] 执行结果未保存',
  orphanReleased: '[Chat] 执行所属进程已退出，会话已释放',
  forgottenEnded: '[Chat] 执行结果一直未能保存，已结束',
  heartbeatMissed: '[Chat] 进程心跳未写入',
  progressNotStored: '[Chat] 部分回答未保存',
  forgottenNotEnded: '[Chat] 未结束的执行未清理',
  deletedRunsOn: '[Chat] 会话已删除，其执行未能取消',
  upkeepFailed: '[Chat] 数据维护未完成',
  cancelChannelBroken: '[Chat] 取消通知通道中断，正在重连',
  redisUp: 'Redis is connected',
  redisGone: 'Redis is gone; this process goes on without it',
  redisMissing: 'Redis cannot be reached; this process works without it',
  wrongAdminToken: 'wrong admin token',
  postgresConnectionBroke: 'a Postgres connection broke; the pool replaces it',
  replicaLost: 'the Postgres replica cannot be used; the primary answers its reads',
  replicaBack: 'the Postgres replica is used again',
  ordersNotRead: "operators' orders were not looked up",
  historyNotRead: 'the history of the fallback could not be read'
} as const
