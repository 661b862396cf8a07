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
  /** What an operator does about it; Markdown of one line. */
  remedy: { en: string; zh: string }
}

/**
 * Everything that is said about the error codes: the answers, the log, /openapi.json, docs/error-codes.md and the
 * runbook take it from here.
 */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorTraits>> = {
  RUNTIME_UNAVAILABLE: {
    class: 'process',
    status: 502,
    retryable: true,
    evidence: 'unavailable',
    logText: 'Runtime 无法连接',
    clientText: 'The runtime cannot be reached.',
    remedy: {
      en: 'No connection, no acceptance within 1 s, or a connection that broke: is the process there, did it run out of memory (raise its limit), is the network sound',
      zh: '连不上、1 秒内没有接受、连接中途断开：进程是否在、是否内存耗尽（提高内存限制）、网络'
    }
  },
  RUNTIME_STALLED: {
    class: 'process',
    status: 502,
    retryable: true,
    evidence: 'unavailable',
    logText: 'Runtime 无响应',
    clientText: 'The runtime has stopped answering.',
    remedy: {
      en: 'Accepted, then 1.8 s without a byte although there is a heartbeat each second: the process hangs or has no CPU',
      zh: '接受之后 1.8 秒没有任何字节（正常每秒有心跳）：进程卡死、CPU 耗尽'
    }
  },
  RUNTIME_TIMEOUT: {
    class: 'timeout',
    status: 504,
    retryable: true,
    evidence: 'timeout_rate',
    logText: '执行超时',
    clientText: 'The execution took too long.',
    remedy: {
      en: 'Raise `RUNTIME_EXECUTION_TIMEOUT_MS` of both services, or look for slow tools and a slow model',
      zh: '增加 `RUNTIME_EXECUTION_TIMEOUT_MS`（两个服务都要改），或查慢的工具和模型'
    }
  },
  RUNTIME_OVERLOADED: {
    class: 'capacity',
    status: 503,
    clientStatus: 429,
    retryable: true,
    evidence: 'none',
    logText: 'Runtime 已满载',
    clientText: 'The runtime takes no more executions at the moment.',
    remedy: {
      en: 'More instances, or a higher `RUNTIME_MAX_CONCURRENT_EXECUTIONS`; near its memory limit a runtime refuses too: raise that (`RUNTIME_MEMORY_HIGH_WATER`)',
      zh: '增加实例或 `RUNTIME_MAX_CONCURRENT_EXECUTIONS`；内存接近上限时 runtime 也会拒绝：增加内存（`RUNTIME_MEMORY_HIGH_WATER`）'
    }
  },
  RUNTIME_PROTOCOL: {
    class: 'defect',
    status: 502,
    retryable: true,
    evidence: 'error_rate',
    logText: 'Runtime 响应格式错误',
    clientText: 'The runtime sent something that is no valid answer.',
    remedy: {
      en: 'The versions of api and runtime do not fit, or a proxy between them changes what they say',
      zh: 'api 与 runtime 版本不一致，或中间有代理改写'
    }
  },
  RUNTIME_INTERNAL: {
    class: 'defect',
    status: 502,
    retryable: true,
    evidence: 'error_rate',
    logText: 'Runtime 内部错误',
    clientText: 'The runtime failed unexpectedly.',
    remedy: {
      en: 'Read runtime.log; the two services may also have different values of `RUNTIME_SERVICE_TOKEN`',
      zh: '查 runtime.log；也可能是 `RUNTIME_SERVICE_TOKEN` 不一致'
    }
  },
  RUNTIME_DEPENDENCY: {
    class: 'dependency',
    status: 502,
    retryable: true,
    evidence: 'error_rate',
    logText: 'Runtime 依赖服务错误',
    clientText: 'Something that the runtime depends on does not work.',
    remedy: { en: 'Repair what the runtime depends on: see its `/ready`', zh: '修复 runtime 的依赖，见它的 `/ready`' }
  },
  LLM_RATE_LIMITED: {
    class: 'dependency',
    status: 429,
    retryable: true,
    evidence: 'none',
    logText: '模型限流',
    clientText: 'The model takes no more requests at the moment.',
    remedy: { en: 'A higher quota of the model, or fewer chats at once', zh: '提高模型配额，或降低并发' }
  },
  LLM_UNAVAILABLE: {
    class: 'dependency',
    status: 502,
    retryable: true,
    evidence: 'none',
    logText: '模型不可用',
    clientText: 'The model does not answer.',
    remedy: {
      en: 'Check the server of `LLM_BASE_URL`; both modes need it',
      zh: '检查 `LLM_BASE_URL` 的服务；两种模式都受影响'
    }
  },
  LLM_REJECTED: {
    class: 'dependency',
    status: 502,
    retryable: false,
    evidence: 'none',
    logText: '模型拒绝请求',
    clientText: 'The model refused the request.',
    remedy: {
      en: 'Check `LLM_API_KEY`, the name of the model, and what was sent',
      zh: '检查密钥 `LLM_API_KEY`、模型名、请求内容'
    }
  },
  TOOL_FAILED: {
    class: 'dependency',
    status: 502,
    retryable: false,
    evidence: 'none',
    logText: '工具执行出错',
    clientText: 'A tool failed.',
    remedy: { en: 'Repair the tool; runtime.log names it', zh: '修复工具，runtime.log 里有名字' }
  },
  LIMIT_EXCEEDED: {
    class: 'limit',
    status: 422,
    retryable: false,
    evidence: 'none',
    logText: '超出执行限制',
    clientText: 'The execution reached a limit.',
    remedy: {
      en: 'Raise `RUNTIME_MAX_STEPS`, `RUNTIME_MAX_TOOL_CALLS`, `RUNTIME_MAX_TOKENS` or `RUNTIME_MAX_COST_USD`',
      zh: '调整 `RUNTIME_MAX_STEPS`、`RUNTIME_MAX_TOOL_CALLS`、`RUNTIME_MAX_TOKENS`、`RUNTIME_MAX_COST_USD`'
    }
  },
  DEADLINE_EXCEEDED: {
    class: 'timeout',
    status: 504,
    retryable: true,
    evidence: 'timeout_rate',
    logText: '请求超时',
    clientText: 'The answer was not finished in time.',
    remedy: { en: 'As with `RUNTIME_TIMEOUT`', zh: '同 `RUNTIME_TIMEOUT`' }
  },
  VALIDATION_FAILED: {
    class: 'request',
    status: 400,
    retryable: false,
    evidence: 'none',
    logText: '请求无效',
    clientText: 'The request is not valid.',
    remedy: { en: 'The caller corrects what `details` names', zh: '调用方按 `details` 改正请求' }
  },
  UNAUTHENTICATED: {
    class: 'access',
    status: 401,
    retryable: false,
    evidence: 'none',
    logText: '未认证',
    clientText: 'Authentication is required.',
    remedy: {
      en: 'The caller sends a valid key or token; `semibot keys list` shows revoked ones',
      zh: '调用方换有效的密钥或令牌；`semibot keys list` 可查已吊销的密钥'
    }
  },
  FORBIDDEN: {
    class: 'access',
    status: 403,
    retryable: false,
    evidence: 'none',
    logText: '无权限',
    clientText: 'This is not allowed.',
    remedy: { en: 'The caller needs a key of another role', zh: '调用方需要其他角色的密钥' }
  },
  NOT_FOUND: {
    class: 'request',
    status: 404,
    retryable: false,
    evidence: 'none',
    logText: '不存在',
    clientText: 'There is no such resource.',
    remedy: {
      en: 'The caller corrects the id; what belongs to another organisation is not found either',
      zh: '调用方改正 id；其他组织的数据同样查不到'
    }
  },
  SESSION_BUSY: {
    class: 'request',
    status: 409,
    retryable: true,
    evidence: 'none',
    logText: '会话正忙',
    clientText: 'An execution of this session is still running.',
    remedy: { en: 'The caller waits for the running execution, or cancels it', zh: '调用方等当前执行结束，或取消它' }
  },
  IDEMPOTENCY_MISMATCH: {
    class: 'request',
    status: 422,
    retryable: false,
    evidence: 'none',
    logText: '幂等键冲突',
    clientText: 'This Idempotency-Key was used with another request.',
    remedy: { en: 'The caller uses a new key for a new request', zh: '调用方给新的请求换新的幂等键' }
  },
  PAYLOAD_TOO_LARGE: {
    class: 'limit',
    status: 413,
    retryable: false,
    evidence: 'none',
    logText: '请求过大',
    clientText: 'The body is too large.',
    remedy: { en: 'The caller sends less; 1 MiB at most', zh: '调用方缩小请求，最多 1 MiB' }
  },
  RATE_LIMITED: {
    class: 'capacity',
    status: 429,
    retryable: true,
    evidence: 'none',
    logText: '请求过于频繁',
    clientText: 'Too many requests. Send fewer, later.',
    remedy: {
      en: 'The caller slows down as `Retry-After` says, or raise `ORG_RATE_LIMIT_PER_MINUTE`, `ORG_MAX_CONCURRENT`',
      zh: '调用方按 `Retry-After` 放慢，或调高 `ORG_RATE_LIMIT_PER_MINUTE`、`ORG_MAX_CONCURRENT`'
    }
  },
  OVERLOADED: {
    class: 'capacity',
    status: 503,
    retryable: true,
    evidence: 'none',
    logText: '服务已满载',
    clientText: 'The service cannot take this at the moment.',
    remedy: {
      en: 'More api processes, or a higher `CHAT_MAX_IN_FLIGHT`; also what callers get while PostgreSQL is away: check `/ready`',
      zh: '增加 api 进程或 `CHAT_MAX_IN_FLIGHT`；PostgreSQL 不可用时也是它：查 `/ready`'
    }
  },
  EVENTS_EXPIRED: {
    class: 'request',
    status: 410,
    retryable: false,
    evidence: 'none',
    logText: '事件已过期',
    clientText: 'These events are kept no longer.',
    remedy: {
      en: 'The caller asks for the execution until it has ended, and gets the stored answer',
      zh: '调用方改查执行状态，结束后取已保存的回答'
    }
  },
  SHUTTING_DOWN: {
    class: 'process',
    status: 503,
    retryable: true,
    evidence: 'none',
    logText: '服务正在关闭',
    clientText: 'The service is shutting down.',
    remedy: {
      en: 'Nothing during a restart; the caller tries again. Often: give `SHUTDOWN_GRACE_MS` more time',
      zh: '重启期间属正常，调用方重试；经常出现时调大 `SHUTDOWN_GRACE_MS`'
    }
  },
  INTERNAL: {
    class: 'defect',
    status: 500,
    retryable: true,
    evidence: 'none',
    logText: '内部错误',
    clientText: 'Something went wrong on our side.',
    remedy: {
      en: 'Search the log for `request failed unexpectedly` with the `requestId` of the answer',
      zh: '用响应里的 `requestId` 在日志里查 `request failed unexpectedly`'
    }
  }
}
