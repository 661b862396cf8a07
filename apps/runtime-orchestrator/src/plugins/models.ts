import type { RuntimeEnv } from '@semibot/config'
import { createOpenAiCompatibleProvider } from '@semibot/llm'
import { createAiSdkProvider, createLanguageModel, errorOfAiSdk } from '@semibot/llm/ai-sdk'
import { createModelAccess, type ModelAccess } from '../agent/model-access.ts'

type ModelEnv = Pick<RuntimeEnv, 'LLM_PROVIDER' | 'LLM_BASE_URL' | 'LLM_API_KEY'>

// The AI SDK prints its warnings as plain text; standard output is for log lines.
globalThis.AI_SDK_LOG_WARNINGS = false

/** Opens the way to the configured model server: the lean client where it speaks that wire format, else the AI SDK. */
export function createModels({ LLM_PROVIDER, LLM_BASE_URL, LLM_API_KEY }: ModelEnv): ModelAccess {
  const server = { baseUrl: LLM_BASE_URL, ...(LLM_API_KEY === undefined ? {} : { apiKey: LLM_API_KEY }) }
  const connection = { ...server, provider: LLM_PROVIDER }
  return createModelAccess({
    provider:
      LLM_PROVIDER === 'openai-compatible' ? createOpenAiCompatibleProvider(server) : createAiSdkProvider(connection),
    agentModel: (model) => ({
      languageModel: createLanguageModel({ ...connection, model }),
      explain: (error) => errorOfAiSdk(error, LLM_API_KEY)
    })
  })
}
