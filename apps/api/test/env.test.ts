import t from 'tap'
import { loadApiEnv } from '../src/env.ts'

t.test('the environment of the api is read with its defaults', async (t) => {
  const { values, origins } = loadApiEnv({ ENV_FILE: '/dev/null', API_PORT: '3100' })
  t.equal(values.API_PORT, 3100)
  t.equal(origins.API_PORT, 'environment')
  t.equal(values.CHAT_EXECUTION_MODE, 'direct_llm')
  t.equal(origins.CHAT_EXECUTION_MODE, 'default')
})

t.test('a wrong environment refuses, with every bad key and no secret', async (t) => {
  const environment = {
    ENV_FILE: '/dev/null',
    NODE_ENV: 'production',
    API_PORT: 'many',
    ADMIN_TOKEN: 'short-secret',
    CHAT_EXECUTION_MODE: 'magic'
  }
  t.throws(() => loadApiEnv(environment), { name: 'ConfigError', message: /API_PORT[\s\S]*many/ })
  try {
    loadApiEnv(environment)
  } catch (error) {
    const { message } = error as Error
    for (const key of ['ADMIN_TOKEN', 'CHAT_EXECUTION_MODE', 'DATABASE_URL']) t.match(message, key)
    t.notMatch(message, /short-secret/)
  }
})
