/** The agents that every organisation begins with. The slug is what `agentId` may name instead of an id. */
export const BUILT_IN_AGENTS = [
  {
    slug: 'default',
    name: 'Default',
    system_prompt: 'You are a helpful assistant. Answer in the language of the user.',
    tools: [] as string[]
  },
  {
    slug: 'assistant',
    name: 'Assistant',
    system_prompt:
      'You are a helpful assistant with tools. Use a tool when it gives a better answer than you could give ' +
      'without it. Answer in the language of the user.',
    tools: ['calculator', 'current_time', 'search_history']
  }
]

/** Slug of the agent that answers when a request names none; it cannot be deleted. */
export const DEFAULT_AGENT_SLUG = 'default'
