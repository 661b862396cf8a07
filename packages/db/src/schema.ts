import type { ColumnType, Generated, JSONColumnType } from 'kysely'

/** Set by the server when left out. */
type Timestamp = ColumnType<Date, Date | undefined, Date>
type NullableTimestamp = ColumnType<Date | null, Date | null | undefined, Date | null>
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>
type Json = JSONColumnType<object>
type NullableJson = ColumnType<unknown, string | null | undefined, string | null>

// Closed sets of columns, equal to those of chat-protocol where it has them.
export type ExecutionStatus = 'running' | 'waiting_approval' | 'completed' | 'failed' | 'cancelled'
export type MessageStatus = 'streaming' | 'complete' | 'partial' | 'failed' | 'cancelled'
export type MessageRole = 'user' | 'assistant' | 'system' | 'tool'
/** Who answered. */
export type ChatMode = 'direct_llm' | 'runtime_orchestrator'
/** Why an answer ended. */
export type FinishReason = 'stop' | 'length' | 'content_filter' | 'tool_calls' | 'other'
export type ApiKeyRole = 'admin' | 'member'

export interface OrganizationsTable {
  id: string
  slug: string
  name: string
  is_active: Generated<boolean>
  settings: Generated<Json>
  created_at: Timestamp
  updated_at: Timestamp
}

export interface UsersTable {
  org_id: string
  id: string
  external_id: string
  created_at: Timestamp
}

export interface ApiKeysTable {
  org_id: string
  id: string
  name: string
  role: ApiKeyRole
  key_hash: Buffer
  created_at: Timestamp
  last_used_at: NullableTimestamp
  revoked_at: NullableTimestamp
}

export interface AgentsTable {
  org_id: string
  id: string
  slug: string
  name: string
  system_prompt: Generated<string>
  model: Nullable<string>
  temperature: Nullable<number>
  max_tokens: Nullable<number>
  tools: Generated<string[]>
  created_at: Timestamp
  updated_at: Timestamp
}

export interface SessionsTable {
  org_id: string
  id: string
  agent_id: string
  user_id: Nullable<string>
  title: Nullable<string>
  status: Generated<string>
  next_seq: Generated<number>
  created_at: Timestamp
  updated_at: Timestamp
  deleted_at: NullableTimestamp
}

export interface MessagesTable {
  org_id: string
  id: string
  session_id: string
  parent_id: Nullable<string>
  execution_id: Nullable<string>
  seq: number
  role: MessageRole
  content: string
  status: MessageStatus
  client_message_id: Nullable<string>
  created_at: Date
}

export interface ExecutionsTable {
  org_id: string
  id: string
  session_id: string
  user_id: Nullable<string>
  agent_id: string
  owner: string
  status: ExecutionStatus
  seq: number
  user_message_id: string
  assistant_message_id: string
  mode: Nullable<ChatMode>
  attempts: Generated<number>
  model: Nullable<string>
  finish_reason: Nullable<FinishReason>
  usage: NullableJson
  last_seq: Nullable<number>
  error_code: Nullable<string>
  error_message: Nullable<string>
  fallback_reason: Nullable<string>
  latency_ms: Nullable<number>
  first_token_ms: Nullable<number>
  finish_token: Nullable<string>
  created_at: Timestamp
  ended_at: NullableTimestamp
}

export interface ToolCallsTable {
  org_id: string
  execution_id: string
  id: string
  name: string
  source: string
  effect: string
  status: string
  input: NullableJson
  output: NullableJson
  error_code: Nullable<string>
  error_message: Nullable<string>
  duration_ms: Nullable<number>
  created_at: Timestamp
  ended_at: NullableTimestamp
}

export interface IdempotencyKeysTable {
  org_id: string
  key: string
  request_hash: string
  execution_id: string
  session_id: string
  message_id: string
  created_at: Timestamp
  expires_at: Date
}

export interface FallbackEventsTable {
  id: string
  runtime: Generated<string>
  kind: 'transition' | 'force' | 'reset'
  state: string
  reason: string
  detail: Generated<string>
  evidence: NullableJson
  actor: Nullable<string>
  instance: Nullable<string>
  expires_at: NullableTimestamp
  created_at: Timestamp
}

export interface ServiceInstancesTable {
  id: string
  kind: string
  started_at: Timestamp
  seen_at: Timestamp
  steady_since: Timestamp
}

export interface RuntimeLeasesTable {
  instance: string
  seen_at: Timestamp
  steady_since: Timestamp
}

export interface DurableExecutionsTable {
  org_id: string
  id: string
  session_id: string
  message_id: string
  agent: string
  status: 'running' | 'completed' | 'failed' | 'cancelled'
  owner: Nullable<string>
  epoch: Generated<number>
  request: NullableJson
  outcome: NullableJson
  deadline_at: Date
  created_at: Timestamp
  taken_at: Timestamp
  ended_at: NullableTimestamp
}

export interface ExecutionStepsTable {
  org_id: string
  execution_id: string
  name: string
  effect: string
  epoch: number
  status: Nullable<string>
  result: NullableJson
  began_at: Timestamp
  recorded_at: NullableTimestamp
}

/** Every table that a query may name; column names are the database's own. */
export interface Database {
  organizations: OrganizationsTable
  users: UsersTable
  api_keys: ApiKeysTable
  agents: AgentsTable
  sessions: SessionsTable
  messages: MessagesTable
  executions: ExecutionsTable
  tool_calls: ToolCallsTable
  idempotency_keys: IdempotencyKeysTable
  fallback_events: FallbackEventsTable
  service_instances: ServiceInstancesTable
  runtime_leases: RuntimeLeasesTable
  durable_executions: DurableExecutionsTable
  execution_steps: ExecutionStepsTable
}
