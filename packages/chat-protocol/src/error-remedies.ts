import type { ErrorCode } from './error-codes.ts'

/** What an operator does about each code: Markdown, one line in each language of the documents. */
export const ERROR_REMEDIES: Readonly<Record<ErrorCode, Readonly<Record<'en' | 'zh', string>>>> = {
  RUNTIME_UNAVAILABLE: {
    en: 'No connection, no acceptance within 1 s, or a connection that broke: is the process there, did it run out of memory (raise its limit), is the network sound',
    zh: '连不上、1 秒内没有接受、连接中途断开：进程是否在、是否内存耗尽（提高内存限制）、网络'
  },
  RUNTIME_STALLED: {
    en: 'Accepted, then 1.8 s without a byte although there is a heartbeat each second: the process hangs or has no CPU',
    zh: '接受之后 1.8 秒没有任何字节（正常每秒有心跳）：进程卡死、CPU 耗尽'
  },
  RUNTIME_TIMEOUT: {
    en: 'Raise `RUNTIME_EXECUTION_TIMEOUT_MS` of both services, or look for slow tools and a slow model',
    zh: '增加 `RUNTIME_EXECUTION_TIMEOUT_MS`（两个服务都要改），或查慢的工具和模型'
  },
  RUNTIME_OVERLOADED: {
    en: 'More instances, or a higher `RUNTIME_MAX_CONCURRENT_EXECUTIONS`; near its memory limit a runtime refuses too: raise that (`RUNTIME_MEMORY_HIGH_WATER`)',
    zh: '增加实例或 `RUNTIME_MAX_CONCURRENT_EXECUTIONS`；内存接近上限时 runtime 也会拒绝：增加内存（`RUNTIME_MEMORY_HIGH_WATER`）'
  },
  RUNTIME_PROTOCOL: {
    en: 'The versions of api and runtime do not fit, or a proxy between them changes what they say',
    zh: 'api 与 runtime 版本不一致，或中间有代理改写'
  },
  RUNTIME_INTERNAL: {
    en: 'Read runtime.log; the two services may also have different values of `RUNTIME_SERVICE_TOKEN`',
    zh: '查 runtime.log；也可能是 `RUNTIME_SERVICE_TOKEN` 不一致'
  },
  RUNTIME_DEPENDENCY: {
    en: 'Repair what the runtime depends on: see its `/ready`',
    zh: '修复 runtime 的依赖，见它的 `/ready`'
  },
  LLM_RATE_LIMITED: { en: 'A higher quota of the model, or fewer chats at once', zh: '提高模型配额，或降低并发' },
  LLM_UNAVAILABLE: {
    en: 'Check the server of `LLM_BASE_URL`; both modes need it',
    zh: '检查 `LLM_BASE_URL` 的服务；两种模式都受影响'
  },
  LLM_REJECTED: {
    en: 'Check `LLM_API_KEY`, the name of the model, and what was sent',
    zh: '检查密钥 `LLM_API_KEY`、模型名、请求内容'
  },
  TOOL_FAILED: { en: 'Repair the tool; runtime.log names it', zh: '修复工具，runtime.log 里有名字' },
  LIMIT_EXCEEDED: {
    en: 'Raise `RUNTIME_MAX_STEPS`, `RUNTIME_MAX_TOOL_CALLS`, `RUNTIME_MAX_TOKENS` or `RUNTIME_MAX_COST_USD`',
    zh: '调整 `RUNTIME_MAX_STEPS`、`RUNTIME_MAX_TOOL_CALLS`、`RUNTIME_MAX_TOKENS`、`RUNTIME_MAX_COST_USD`'
  },
  DEADLINE_EXCEEDED: { en: 'As with `RUNTIME_TIMEOUT`', zh: '同 `RUNTIME_TIMEOUT`' },
  VALIDATION_FAILED: { en: 'The caller corrects what `details` names', zh: '调用方按 `details` 改正请求' },
  UNAUTHENTICATED: {
    en: 'The caller sends a valid key or token; `semibot keys list` shows revoked ones',
    zh: '调用方换有效的密钥或令牌；`semibot keys list` 可查已吊销的密钥'
  },
  FORBIDDEN: { en: 'The caller needs a key of another role', zh: '调用方需要其他角色的密钥' },
  NOT_FOUND: {
    en: 'The caller corrects the id; what belongs to another organisation is not found either',
    zh: '调用方改正 id；其他组织的数据同样查不到'
  },
  SESSION_BUSY: {
    en: 'The caller waits for the running execution, or cancels it',
    zh: '调用方等当前执行结束，或取消它'
  },
  IDEMPOTENCY_MISMATCH: { en: 'The caller uses a new key for a new request', zh: '调用方给新的请求换新的幂等键' },
  PAYLOAD_TOO_LARGE: { en: 'The caller sends less; 1 MiB at most', zh: '调用方缩小请求，最多 1 MiB' },
  RATE_LIMITED: {
    en: 'The caller slows down as `Retry-After` says, or raise `ORG_RATE_LIMIT_PER_MINUTE`, `ORG_MAX_CONCURRENT`',
    zh: '调用方按 `Retry-After` 放慢，或调高 `ORG_RATE_LIMIT_PER_MINUTE`、`ORG_MAX_CONCURRENT`'
  },
  OVERLOADED: {
    en: 'More api processes, or a higher `CHAT_MAX_IN_FLIGHT`; also what callers get while PostgreSQL is away: check `/ready`',
    zh: '增加 api 进程或 `CHAT_MAX_IN_FLIGHT`；PostgreSQL 不可用时也是它：查 `/ready`'
  },
  EVENTS_EXPIRED: {
    en: 'The caller asks for the execution until it has ended, and gets the stored answer',
    zh: '调用方改查执行状态，结束后取已保存的回答'
  },
  SHUTTING_DOWN: {
    en: 'Nothing during a restart; the caller tries again. Often: give `SHUTDOWN_GRACE_MS` more time',
    zh: '重启期间属正常，调用方重试；经常出现时调大 `SHUTDOWN_GRACE_MS`'
  },
  INTERNAL: {
    en: 'Search the log for `request failed unexpectedly` with the `requestId` of the answer',
    zh: '用响应里的 `requestId` 在日志里查 `request failed unexpectedly`'
  }
}
