export * from './llm-error.ts'
export * from './openai-compatible/provider.ts'
export * from './types.ts'
