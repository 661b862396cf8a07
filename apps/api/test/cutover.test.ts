import t from 'tap'
import { createCutoverReader } from '../src/cutover.ts'
import type { ApiEnv } from '../src/env.ts'

const ID = '0192a0de-0000-7000-8000-00000000abcd'

t.test('organisations are named by slug or by id, however the id is written, and a reload takes effect', async (t) => {
  const env = {
    CHAT_EXECUTION_MODE: 'direct_llm',
    CHAT_RUNTIME_PERCENT: 100,
    CHAT_RUNTIME_ENABLED_ORGS: [ID.toUpperCase(), 'acme'],
    CHAT_RUNTIME_DISABLED_ORGS: []
  } as unknown as ApiEnv
  const read = createCutoverReader(env)
  t.strictSame([...read().enabledOrgs], [ID, 'acme'])
  t.equal(read().enabledOrgs, read().enabledOrgs, 'made once for each change')
  Object.assign(env, { CHAT_RUNTIME_DISABLED_ORGS: [ID.toUpperCase()] })
  t.ok(read().disabledOrgs.has(ID))
})
