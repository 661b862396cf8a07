export { errorOfAiSdk, finishReasonOf } from './convert.ts'
export {
  AI_SDK_PROVIDERS,
  type AiSdkConnection,
  type AiSdkProviderName,
  createLanguageModel,
  type LanguageModelOptions
} from './language-model.ts'
export { createAiSdkProvider } from './provider.ts'
