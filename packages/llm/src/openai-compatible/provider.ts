import type { LlmProvider } from '../types.ts'

export interface OpenAiCompatibleOptions {
  /** Address of the API up to and including its version, such as `http://127.0.0.1:4010/v1`. */
  baseUrl: string
  /** Sent as bearer token. */
  apiKey?: string
  /** Longest wait for a connection. Default: 5,000 ms. */
  connectTimeoutMs?: number
}

/** Calls a server that speaks OpenAI chat completions. */
export function createOpenAiCompatibleProvider(_options: OpenAiCompatibleOptions): LlmProvider {
  throw new Error('not there yet')
}
