/** The two ways in which one chat can be executed; also the values of the metric label `mode`. */
export const CHAT_MODES = ['direct_llm', 'runtime_orchestrator'] as const

export type ChatMode = (typeof CHAT_MODES)[number]
