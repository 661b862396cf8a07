import type { Dispatcher } from 'undici'
import type { ChatExecution } from './chat-executor.ts'

export interface EndRunOptions {
  dispatcher: Dispatcher
  serviceToken: string
  /**
   * Ends the run in the journal of the runtimes: whoever has it is refused at its next step, and whoever has not
   * entered it there yet at its first tool.
   */
  endInJournal: (execution: ChatExecution) => Promise<unknown>
}

/** How long is waited for a runtime, and for the journal. */
const FENCE_MS = 200

/**
 * Before another engine takes a chat over whose tools may be at work, and when nobody wants its answer any more, the
 * run is ended: in the instances that may have it, which have a moment to say so, and in the journal, for an instance
 * that cannot be reached. Never rejects.
 */
export async function endRun(
  options: EndRunOptions,
  instances: readonly string[],
  execution: ChatExecution
): Promise<void> {
  // An agent without tools is ended by its closed connection.
  if (execution.agent.tools.length === 0) return
  const { executionId } = execution
  const limit = new Promise((resolve) => setTimeout(resolve, FENCE_MS).unref())
  const journal = options.endInJournal(execution).catch(() => undefined)
  const asked = instances.map((instance) => askInstance(options, instance, executionId))
  await Promise.all([...asked, Promise.race([journal, limit])])
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
