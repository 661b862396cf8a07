import { loadEnv, RUNTIME_GROUPS } from '@semibot/config'
import t from 'tap'
import { EXECUTION_TIMEOUT_MS } from '../src/constants/config.ts'
import { executionTimeoutMs, readEnv } from '../src/env.ts'

function load(environment: Record<string, string>) {
  return loadEnv(RUNTIME_GROUPS, { environment, readFile: () => undefined })
}

t.test('the longest execution is what the operator set, else the constant', async (t) => {
  t.equal(executionTimeoutMs(load({})), EXECUTION_TIMEOUT_MS)
  t.equal(executionTimeoutMs(load({ RUNTIME_EXECUTION_TIMEOUT_MS: '1234' })), 1234)
  t.equal(load({}).values.RUNTIME_EXECUTION_TIMEOUT_MS, EXECUTION_TIMEOUT_MS, 'which is the documented default')
})

t.test('the environment of the process is read', async (t) => {
  t.intercept(process, 'env', { value: { ENV_FILE: '/dev/null', RUNTIME_PORT: '8123' } })
  t.equal(readEnv().values.RUNTIME_PORT, 8123)
})
