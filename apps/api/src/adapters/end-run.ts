import type { Dispatcher } from 'undici'
import type { ChatExecution } from './chat-executor.ts'

export interface EndRunOptions {
  dispatcher: Dispatcher
  serviceToken: string
  /** Ends the run in the journal of the runtimes: whoever has it is refused at its next step. */
  cancelInJournal: (orgId: string, executionId: string) => Promise<unknown>
}

/** How long is waited for a runtime, and for the journal. */
const FENCE_MS = 200

/**
 * Before another engine takes a chat over whose tools may be at work, and when nobody wants its answer any more, the
 * run is ended: in the instance that has it, which has a moment to say so, and in the journal, for an instance that
 * cannot be reached. Never rejects.
 */
export async function endRun(options: EndRunOptions, instance: string, execution: ChatExecution): Promise<void> {
  // An agent without tools is ended by its closed connection.
  if (execution.agent.tools.length === 0) return
  const { orgId, executionId } = execution
  const limit = new Promise((resolve) => setTimeout(resolve, FENCE_MS).unref())
  const journal = options.cancelInJournal(orgId, executionId).catch(() => undefined)
  await Promise.all([askInstance(options, instance, executionId), Promise.race([journal, limit])])
}

async function askInstance(options: EndRunOptions, instance: string, executionId: string): Promise<void> {
  try {
    const { body } = await options.dispatcher.request({
      origin: new URL(instance).origin,
      path: `/api/v1/executions/${executionId}/cancel`,
      method: 'POST',
      headers: { authorization: `Bearer ${options.serviceToken}` },
      signal: AbortSignal.timeout(FENCE_MS)
    })
    await body.dump()
  } catch {
    // It is gone or hangs: there is nobody to wait for.
  }
}
