import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModelV4 } from '@ai-sdk/provider'
import { boundedFetch } from './bounded-fetch.ts'

export const AI_SDK_PROVIDERS = ['openai', 'anthropic', 'openai-compatible'] as const

export type AiSdkProviderName = (typeof AI_SDK_PROVIDERS)[number]

/** How to reach the models of one provider. */
export interface AiSdkConnection {
  provider: AiSdkProviderName
  /** Address of the API including its version. May be left out for openai and anthropic: then their own. */
  baseUrl?: string
  apiKey?: string
}

export interface LanguageModelOptions extends AiSdkConnection {
  /** Id of the model at the provider. */
  model: string
}

/** Building a model object costs about 2 ms, so it is done once for each set of options. */
const MAX_MODELS = 200
const models = new Map<string, LanguageModelV4>()

function build({ provider, baseUrl, apiKey = '', model }: LanguageModelOptions): LanguageModelV4 {
  const baseURL = baseUrl?.replace(/\/+$/, '')
  const own = { apiKey, fetch: boundedFetch, ...(baseURL === undefined ? {} : { baseURL }) }
  switch (provider) {
    case 'openai':
      return createOpenAI(own).chat(model)
    case 'anthropic':
      return createAnthropic(own)(model)
    case 'openai-compatible':
      if (baseURL === undefined) throw new TypeError('baseUrl: expected the address of the openai-compatible provider')
      return createOpenAICompatible({ ...own, name: 'openaiCompatible', baseURL, includeUsage: true }).chatModel(model)
    default:
      throw new TypeError(`provider: expected one of ${AI_SDK_PROVIDERS.join(', ')}, got ${String(provider)}`)
  }
}

/**
 * A model object of the AI SDK. The same options give the same object, for the life of the process.
 * @throws TypeError when an option cannot be used
 */
export function createLanguageModel(options: LanguageModelOptions): LanguageModelV4 {
  const key = JSON.stringify([options.provider, options.baseUrl, options.apiKey, options.model])
  const known = models.get(key)
  if (known !== undefined) return known
  const model = build(options)
  models.set(key, model)
  if (models.size > MAX_MODELS) models.delete(models.keys().next().value!)
  return model
}
