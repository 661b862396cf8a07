import type { LanguageModel } from 'ai'
import type { LlmProvider } from '../types.ts'

export type AiSdkProviderName = 'openai' | 'anthropic' | 'openai-compatible'

export interface AiSdkConnection {
  provider: AiSdkProviderName
  /** Left out for openai and anthropic: their own address. */
  baseUrl?: string
  apiKey?: string
}

/** A provider on top of the AI SDK. */
export function createAiSdkProvider(_connection: AiSdkConnection): LlmProvider {
  throw new Error('not there yet')
}

/** An AI SDK model object, made once per process for each set of options. */
export function createLanguageModel(_options: AiSdkConnection & { model: string }): LanguageModel {
  throw new Error('not there yet')
}
