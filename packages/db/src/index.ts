export {
  type DurableOutcome,
  failUnownedRun,
  findDurableOutcome,
  findDurableRequest,
  type SeenRun
} from './adopted-runs.ts'
export {
  type Agent,
  type AgentFields,
  createAgent,
  deleteAgent,
  findAgent,
  isAgentInUse,
  listAgents,
  updateAgent
} from './agents.ts'
export {
  type ApiKey,
  type ApiKeyOwner,
  createApiKey,
  findApiKeyByHash,
  generateApiKey,
  hashApiKey,
  isApiKey,
  isApiKeyActive,
  listApiKeys,
  revokeApiKey,
  touchApiKey
} from './api-keys.ts'
export { DEFAULT_AGENT_SLUG } from './built-in-agents.ts'
export { type CancelWatch, type CancelWatchOptions, notifyCancel, watchCancels } from './cancel-notices.ts'
export { createDatabase, type DatabaseHandle, type DatabaseOptions } from './create-database.ts'
export {
  beginDurableRun,
  beginStep,
  cancelDurableRun,
  claimDurableRun,
  type DurableClaim,
  type DurableRunRef,
  type DurableStatus,
  endDurableRun,
  endLease,
  endOverdueRuns,
  forbidDurableRun,
  type NewDurableRun,
  ownsDurableRun,
  type RecordedStep,
  recordStep,
  releaseDurableRun,
  renewLease
} from './durable-executions.ts'
export {
  cancelRun,
  type DurableRun,
  type DurableRunDetail,
  type DurableStep,
  findDurableRun,
  listDurableRuns,
  listUnknownSteps,
  type UnknownStep
} from './durable-runs.ts'
export {
  AlreadyExistsError,
  DatabaseError,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  InvalidCursorError,
  TurnQueueFullError
} from './errors.ts'
export {
  type ExecutionRecord,
  findExecution,
  findRunningExecution
} from './executions.ts'
export {
  type FallbackEvent,
  findActiveForce,
  insertFallbackEvent,
  listFallbackEvents,
  listFallbackOrders,
  type NewFallbackEvent
} from './fallback-events.ts'
export { deleteExpiredIdempotencyKeys } from './idempotency.ts'
export { listMessages, type Message } from './messages.ts'
export {
  isMigrated,
  type MigrationState,
  migrateToLatest,
  migrationStatus,
  PARTITION_MONTHS_AHEAD
} from './migrate.ts'
export type { QueryObserver } from './observe-queries.ts'
export { type ModeFigures, type OrgMetrics, orgMetrics } from './org-metrics.ts'
export {
  createOrganization,
  findOrganization,
  listOrganizations,
  type Organization,
  setOrganizationActive
} from './organizations.ts'
export type { Page, PageRequest } from './page.ts'
export {
  countDefaultRows,
  ensurePartitions,
  listPartitions,
  type MonthPartition,
  type PartitionReport
} from './partitions.ts'
export { createReads, type ReadReason, type Reads, type ReadsOptions } from './reads/create-reads.ts'
export { type ReplicaState, replicaState } from './reads/replica-standing.ts'
export { type RetentionOptions, type RetentionReport, retention } from './retention.ts'
export type {
  ApiKeyRole,
  ChatMode,
  Database,
  ExecutionStatus,
  FinishReason,
  MessageRole,
  MessageStatus
} from './schema.ts'
export { type FoundMessage, searchMessages } from './search-messages.ts'
export {
  type AdoptedExecution,
  adoptOrphans,
  countInstances,
  heartbeat,
  ORPHAN_MESSAGE,
  retireInstance,
  type ServiceInstance,
  type SweptExecution,
  sweepOrphans
} from './service-instances.ts'
export { createSession, deleteSession, getSession, listSessions, renameSession, type Session } from './sessions.ts'
export {
  type FinishedToolCall,
  finishToolCall,
  insertToolCall,
  listToolCalls,
  type StartedToolCall,
  TOOL_STOPPED,
  type ToolCall
} from './tool-calls.ts'
export { createTurnWriter } from './turn-writer/create-turn-writer.ts'
export type {
  AcceptResult,
  AcceptTurn,
  FinishTurn,
  HistoryMessage,
  StoredUsage,
  TurnProgress,
  TurnWriter,
  TurnWriterOptions
} from './turn-writer/types.ts'
export { ensureUser, findUser } from './users.ts'
