import { type ChatEventOf, type ChatResult, clientStatusOf, type ErrorCode, isTerminal } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { ExecutionEvents } from './event-log.ts'

/** An execution that has ended, with its whole answer. */
export interface FinishedExecution {
  executionId: string
  sessionId: string
  messageId: string
  content: string
  terminal: ChatEventOf<'execution.completed' | 'execution.failed' | 'execution.cancelled'>
}

/**
 * The JSON answer of an execution.
 * @throws RequestError when it failed or was cancelled
 */
export function resultOf(finished: FinishedExecution): ChatResult {
  const { executionId, sessionId, messageId, content, terminal } = finished
  switch (terminal.type) {
    case 'execution.completed':
      return {
        executionId,
        sessionId,
        message: { id: messageId, role: 'assistant', content },
        finishReason: terminal.finishReason,
        mode: terminal.mode,
        attempts: terminal.attempts,
        usage: terminal.usage,
        latencyMs: terminal.latencyMs
      }
    case 'execution.failed':
      throw failure(terminal.error.code, terminal.error.message)
    case 'execution.cancelled':
      throw new RequestError('NOT_FOUND', `Execution ${executionId} was cancelled and has no answer.`, { status: 409 })
  }
}

/** The error answer of a failed execution. Clients must not repeat by themselves what was tried already. */
function failure(code: ErrorCode, message: string): RequestError {
  const status = clientStatusOf(code)
  const headers = { 'x-should-retry': 'false' }
  const pause = status === 429 || status === 503 ? { retryAfterSeconds: 1 } : {}
  return new RequestError(code, message, { status, headers, ...pause })
}

/**
 * An execution that failed before any engine took it on has nothing to stream: its failure is the whole answer.
 * @throws RequestError
 */
export function refuseUnstarted(events: ExecutionEvents): void {
  if (events.started !== undefined || !events.ended) return
  const reader = events.read(0, () => {})
  const end = reader.next()
  reader.close()
  if (end?.type === 'execution.failed') throw failure(end.error.code, end.error.message)
}

/**
 * Resolves with the end of the execution. Every execution has one, so this needs no limit of its own.
 * @throws RequestError when this process has left the execution to the others
 */
export function waitForEnd(events: ExecutionEvents): Promise<FinishedExecution> {
  return new Promise((resolve, reject) => {
    const { executionId, sessionId, messageId } = events
    let content = ''
    const read = () => {
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        if (event.type === 'message.completed') content = event.content
        if (isTerminal(event)) {
          reader.close()
          const terminal = event as FinishedExecution['terminal']
          resolve({ executionId, sessionId, messageId, content, terminal })
        }
      }
      if (!reader.expired) return
      reader.close()
      if (!events.failed) {
        // Only deltas were dropped: between the whole message and the end the result is stored, time to read both.
        reader = open()
        return read()
      }
      const message = `The server is shutting down; ask GET /api/v1/chat/executions/${executionId} for the answer.`
      reject(new RequestError('SHUTTING_DOWN', message, { retryAfterSeconds: 1 }))
    }
    // Not from within append: the reader may not change the list that is being walked.
    const open = () => events.read(events.firstSeq - 1, () => queueMicrotask(read))
    let reader = open()
    read()
  })
}
