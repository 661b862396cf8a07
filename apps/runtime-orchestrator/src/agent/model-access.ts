import { LlmError, type LlmProvider } from '@semibot/llm'
import type { LanguageModel } from 'ai'

/** One model as the agent loop calls it. */
export interface AgentModel {
  languageModel: LanguageModel
  /** What an error of this model means. */
  explain(error: unknown): LlmError
}

/** The ways to the configured model server. */
export interface ModelConnections {
  /** For agents without tools. */
  readonly provider: LlmProvider
  /** For the agent loop; cheap to call again. */
  agentModel(model: string): AgentModel
}

/** The ways to the model, and what the last call said of it. */
export interface ModelAccess extends ModelConnections {
  /** Outcome of the last call. */
  readonly state: 'unknown' | 'up' | 'down'
  /** Reports the outcome of a call; errors that are not the model's are ignored. */
  succeeded(): void
  failed(error: unknown): void
}

/** Remembers beside the connections whether the last call went through, for /ready: nothing is asked for that. */
export function createModelAccess(connections: ModelConnections): ModelAccess {
  let state: ModelAccess['state'] = 'unknown'
  return {
    ...connections,
    get state() {
      return state
    },
    succeeded: () => {
      state = 'up'
    },
    failed: (error) => {
      // A server that refuses a request, or wants fewer of them, is there.
      if (error instanceof LlmError) state = error.code === 'LLM_UNAVAILABLE' ? 'down' : 'up'
    }
  }
}
