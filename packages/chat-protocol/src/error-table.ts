import type { ErrorCode } from './error-codes.ts'

/**
 * What kind of trouble a code stands for, which is where an operator looks first: time, memory or process, something that
 * the service depends on, room, a bound that was set, a defect, the caller's rights, the caller's request.
 */
export const ERROR_CLASSES = [
  'timeout',
  'process',
  'dependency',
  'capacity',
  'limit',
  'defect',
  'access',
  'request'
] as const

export type ErrorClass = (typeof ERROR_CLASSES)[number]

/** The classes as the runbook calls them. */
export const ERROR_CLASS_TEXT: Readonly<Record<ErrorClass, string>> = {
  timeout: '超时',
  process: '内存、进程',
  dependency: '依赖',
  capacity: '容量',
  limit: '上限',
  defect: '程序',
  access: '权限',
  request: '请求'
}

/** How the breaker takes a failure of the runtime with this code: a lost service, a rate, or not at all. */
export type ErrorEvidence = 'unavailable' | 'error_rate' | 'timeout_rate' | 'none'

/** What is said about one code. */
export interface ErrorTraits {
  class: ErrorClass
  /** HTTP status when the error is the whole answer. */
  status: number
  /** What the api tells a client instead of `status`. */
  clientStatus?: number
  /** Whether the same request may succeed when it is sent again unchanged. */
  retryable: boolean
  evidence: ErrorEvidence
  /** Between `错误:` and the code in the api's log; without 失败, 错误 and 耗时, by which the runbook searches. */
  logText: string
  /** A whole sentence for the client, for want of a more precise one. */
  clientText: string
}

/**
 * What is said about the error codes, with ERROR_REMEDIES beside it: the answers, the log, /openapi.json,
 * docs/error-codes.md and the runbook take it from here.
 */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorTraits>> = {
  RUNTIME_UNAVAILABLE: {
    class: 'process',
    status: 502,
    retryable: true,
    evidence: 'unavailable',
    logText: 'Runtime 无法连接',
    clientText: 'The runtime cannot be reached.'
  },
  RUNTIME_STALLED: {
    class: 'process',
    status: 502,
    retryable: true,
    evidence: 'unavailable',
    logText: 'Runtime 无响应',
    clientText: 'The runtime has stopped answering.'
  },
  RUNTIME_TIMEOUT: {
    class: 'timeout',
    status: 504,
    retryable: true,
    evidence: 'timeout_rate',
    logText: '执行超时',
    clientText: 'The execution took too long.'
  },
  RUNTIME_OVERLOADED: {
    class: 'capacity',
    status: 503,
    clientStatus: 429,
    retryable: true,
    evidence: 'none',
    logText: 'Runtime 已满载',
    clientText: 'The runtime takes no more executions at the moment.'
  },
  RUNTIME_PROTOCOL: {
    class: 'defect',
    status: 502,
    retryable: true,
    evidence: 'error_rate',
    logText: 'Runtime 响应格式错误',
    clientText: 'The runtime sent something that is no valid answer.'
  },
  RUNTIME_INTERNAL: {
    class: 'defect',
    status: 502,
    retryable: true,
    evidence: 'error_rate',
    logText: 'Runtime 内部错误',
    clientText: 'The runtime failed unexpectedly.'
  },
  RUNTIME_DEPENDENCY: {
    class: 'dependency',
    status: 502,
    retryable: true,
    evidence: 'error_rate',
    logText: 'Runtime 依赖服务错误',
    clientText: 'Something that the runtime depends on does not work.'
  },
  LLM_RATE_LIMITED: {
    class: 'dependency',
    status: 429,
    retryable: true,
    evidence: 'none',
    logText: '模型限流',
    clientText: 'The model takes no more requests at the moment.'
  },
  LLM_UNAVAILABLE: {
    class: 'dependency',
    status: 502,
    retryable: true,
    evidence: 'none',
    logText: '模型不可用',
    clientText: 'The model does not answer.'
  },
  LLM_REJECTED: {
    class: 'dependency',
    status: 502,
    retryable: false,
    evidence: 'none',
    logText: '模型拒绝请求',
    clientText: 'The model refused the request.'
  },
  TOOL_FAILED: {
    class: 'dependency',
    status: 502,
    retryable: false,
    evidence: 'none',
    logText: '工具执行出错',
    clientText: 'A tool failed.'
  },
  LIMIT_EXCEEDED: {
    class: 'limit',
    status: 422,
    retryable: false,
    evidence: 'none',
    logText: '超出执行限制',
    clientText: 'The execution reached a limit.'
  },
  DEADLINE_EXCEEDED: {
    class: 'timeout',
    status: 504,
    retryable: true,
    evidence: 'timeout_rate',
    logText: '请求超时',
    clientText: 'The answer was not finished in time.'
  },
  VALIDATION_FAILED: {
    class: 'request',
    status: 400,
    retryable: false,
    evidence: 'none',
    logText: '请求无效',
    clientText: 'The request is not valid.'
  },
  UNAUTHENTICATED: {
    class: 'access',
    status: 401,
    retryable: false,
    evidence: 'none',
    logText: '未认证',
    clientText: 'Authentication is required.'
  },
  FORBIDDEN: {
    class: 'access',
    status: 403,
    retryable: false,
    evidence: 'none',
    logText: '无权限',
    clientText: 'This is not allowed.'
  },
  NOT_FOUND: {
    class: 'request',
    status: 404,
    retryable: false,
    evidence: 'none',
    logText: '不存在',
    clientText: 'There is no such resource.'
  },
  SESSION_BUSY: {
    class: 'request',
    status: 409,
    retryable: true,
    evidence: 'none',
    logText: '会话正忙',
    clientText: 'An execution of this session is still running.'
  },
  IDEMPOTENCY_MISMATCH: {
    class: 'request',
    status: 422,
    retryable: false,
    evidence: 'none',
    logText: '幂等键冲突',
    clientText: 'This Idempotency-Key was used with another request.'
  },
  PAYLOAD_TOO_LARGE: {
    class: 'limit',
    status: 413,
    retryable: false,
    evidence: 'none',
    logText: '请求过大',
    clientText: 'The body is too large.'
  },
  RATE_LIMITED: {
    class: 'capacity',
    status: 429,
    retryable: true,
    evidence: 'none',
    logText: '请求过于频繁',
    clientText: 'Too many requests. Send fewer, later.'
  },
  OVERLOADED: {
    class: 'capacity',
    status: 503,
    retryable: true,
    evidence: 'none',
    logText: '服务已满载',
    clientText: 'The service cannot take this at the moment.'
  },
  EVENTS_EXPIRED: {
    class: 'request',
    status: 410,
    retryable: false,
    evidence: 'none',
    logText: '事件已过期',
    clientText: 'These events are kept no longer.'
  },
  SHUTTING_DOWN: {
    class: 'process',
    status: 503,
    retryable: true,
    evidence: 'none',
    logText: '服务正在关闭',
    clientText: 'The service is shutting down.'
  },
  INTERNAL: {
    class: 'defect',
    status: 500,
    retryable: true,
    evidence: 'none',
    logText: '内部错误',
    clientText: 'Something went wrong on our side.'
  }
}
