import type { ExtraCallBudget, FallbackBreaker } from '@semibot/breaker'
import type { ChatMode } from '@semibot/chat-protocol'
import type { ExecutionRecord, TurnWriter } from '@semibot/db'
import type { ChatMetrics } from '@semibot/metrics'
import type { Tracing } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import type { ChatExecutor } from '../adapters/chat-executor.ts'
import type { RecentExecutions } from '../monitoring/recent-executions.ts'
import type { ModeServices } from './decide-mode.ts'
import type { EventLog } from './event-log.ts'
import type { RunningExecutions } from './running-executions.ts'

/** Everything that executing a chat needs. Built once, in plugins/executors.ts. */
export interface ChatServices extends ModeServices {
  /** Id of this process among all api processes; owner of the executions that it runs. */
  instanceId: string
  executors: Record<ChatMode, ChatExecutor>
  events: EventLog
  running: RunningExecutions
  turns: TurnWriter
  /** The stored execution with its answer; undefined when the caller may not see it or there is none. */
  findExecution: (
    scope: { orgId: string; userId: string | null },
    executionId: string
  ) => Promise<ExecutionRecord | undefined>
  metrics: ChatMetrics
  /** The same executions, for the operator's API. */
  recent: RecentExecutions
  log: FastifyBaseLogger
  tracing: Tracing
  /** LLM_PROVIDER, as spans name it. */
  llmProvider: string
  breaker: FallbackBreaker
  /** Bounds the second model calls of failing over. */
  extraCalls: ExtraCallBudget
  executionTimeoutMs: number
  continuation: 'none' | 'prefix'
}
