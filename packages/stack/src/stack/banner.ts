import { quote } from './dev-env.ts'
import type { Stack } from './types.ts'

/** What to do next, for the screen: a curl that works when pasted, the other mode, a real model, how to stop. */
export function banner(stack: Stack, devEnvPath: string): string {
  const chat = (key: string, message: string, agent = ''): string =>
    `  curl -N "$BASE_URL/api/v1/chat" -H "authorization: Bearer $${key}" -H 'content-type: application/json' \\\n` +
    `    -d '{${agent}"message":"${message}"}'`
  const model = stack.plan.simulator
    ? [
        'The answers come from the simulator, not from a model. For a real one, stop and start again with:',
        '  LLM_BASE_URL=http://host/v1 LLM_API_KEY=... LLM_MODEL=... npm start'
      ]
    : [`The answers come from ${stack.plan.values.LLM_MODEL} at ${stack.plan.values.LLM_BASE_URL}.`]
  return [
    '',
    `Semibot is up: ${stack.urls.api.join(', ')}`,
    '',
    'In another terminal (bash or zsh):',
    `  source ${quote(devEnvPath)}`,
    'an organisation that is admitted to the runtime, with a tool:',
    chat('API_KEY', 'What is 17*23?', '"agentId":"assistant",'),
    'an organisation that is not (the api calls the model itself):',
    chat('API_KEY_DIRECT', 'Hello'),
    '',
    ...model,
    `Processes: ${stack.home}/processes.json. Stop: Ctrl-C.`,
    ''
  ].join('\n')
}
