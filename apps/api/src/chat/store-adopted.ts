import { setTimeout as delay } from 'node:timers/promises'
import { type ErrorCode, type FinishReason, isRetryable, type Usage } from '@semibot/chat-protocol'
import { type AdoptedExecution, type Database, type DurableStatus, type FinishTurn, findExecution } from '@semibot/db'
import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { AdoptedStory } from './adopted-story.ts'
import type { ChatServices } from './chat-services.ts'
import { deadlineError } from './execution-errors.ts'
import { storeResult } from './store-result.ts'

/** What a runtime leaves in the journal of a run that has ended. */
export interface StoredOutcome {
  content?: string
  finishReason?: FinishReason
  usage?: Usage
  error?: { code: ErrorCode; message: string }
}

/** How the run of an adopted execution stands in the journal; without a status it is not there any more. */
export interface AdoptedEnd {
  status: DurableStatus | undefined
  /** Why it was ended by the process that adopted it, if it was. */
  why: 'cancelled' | 'deadline' | undefined
  outcome: StoredOutcome | null
}

const POLL_MS = 1000
const MODE = 'runtime_orchestrator'
const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }
const NO_ANSWER = { code: 'INTERNAL', message: 'The execution was ended before its answer was complete.' } as const

/**
 * Stores how an adopted execution ended, and tells it to those who listen, unless another process has stored another end.
 * @throws the signal's reason
 */
export async function storeAdopted(
  { db, services, log }: { db: Kysely<Database>; services: Pick<ChatServices, 'turns'>; log: FastifyBaseLogger },
  { orgId, executionId, sessionId, messageId, model }: AdoptedExecution,
  story: AdoptedStory | undefined,
  adoptedEnd: AdoptedEnd,
  signal: AbortSignal
): Promise<void> {
  const { status, outcome } = adoptedEnd
  const content = outcome?.content ?? (await grownText(db, { orgId, executionId, told: story?.text ?? '' }, signal))
  const latencyMs = story?.latencyMs ?? 0
  const { turn, event } = endOf(adoptedEnd, content, latencyMs)
  story?.close(status === 'completed' ? { content, finishReason: outcome?.finishReason ?? 'other' } : undefined)
  const isStored = await storeResult(
    { turns: services.turns, log },
    {
      ...turn,
      ...{ orgId, executionId, sessionId, messageId, model, content, latencyMs },
      mode: MODE,
      attempts: 1,
      // The terminal event comes next.
      ...(story === undefined ? {} : { lastSeq: story.events.lastSeq + 1 })
    }
  )
  if (story === undefined) return
  if (isStored || (await isStoredAlready(db, { orgId, executionId, status: turn.status, content }))) story.end(event)
}

/** By a process that was paused, and so taken for dead: it goes on with the same run. */
async function isStoredAlready(
  db: Kysely<Database>,
  { orgId, executionId, status, content }: Pick<FinishTurn, 'orgId' | 'executionId' | 'status' | 'content'>
): Promise<boolean> {
  const record = await findExecution(db, orgId, null, executionId).catch(() => undefined)
  return record?.status === status && record.content === content
}

/** As it is stored, and as it is told. */
function endOf({ status, why, outcome }: AdoptedEnd, content: string, latencyMs: number) {
  const {
    finishReason = 'other',
    usage = NO_USAGE,
    error = why === 'deadline' ? deadlineError(MODE) : NO_ANSWER
  } = outcome ?? {}
  if (status === 'completed') {
    return {
      turn: { status, messageStatus: 'complete', finishReason, usage },
      event: { type: 'execution.completed', finishReason, usage, mode: MODE, attempts: 1, latencyMs }
    } as const
  }
  if (why === 'cancelled') {
    return {
      turn: { status: 'cancelled', messageStatus: 'cancelled' },
      event: { type: 'execution.cancelled', reason: 'user' }
    } as const
  }
  const { code, message } = error
  return {
    turn: { status: 'failed', messageStatus: content === '' ? 'failed' : 'partial', error: { code, message } },
    event: { type: 'execution.failed', error: { code, message, retryable: isRetryable(code) } }
  } as const
}

/**
 * Without an answer in the journal, what was told or saved of it while it grew stays: where one goes on from the other,
 * the longer one, for the copy of what was told may have ended before its process did. Waits for a database that is
 * away: less would take the place of what is saved.
 */
async function grownText(
  db: Kysely<Database>,
  { orgId, executionId, told }: { orgId: string; executionId: string; told: string },
  signal: AbortSignal
): Promise<string> {
  for (;;) {
    try {
      const saved = (await findExecution(db, orgId, null, executionId))?.content ?? ''
      return saved.startsWith(told) ? saved : told
    } catch {
      await delay(POLL_MS, undefined, { signal })
    }
  }
}
