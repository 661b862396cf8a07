import { TRANSITION_REASONS as REASONS_OF_BREAKER, BREAKER_STATES as STATES_OF_BREAKER } from '@semibot/breaker'
import { CHAT_MODES, EXECUTION_ERROR_CODES as CODES_OF_PROTOCOL } from '@semibot/chat-protocol'
import { describeKeys } from '@semibot/config'
import { BREAKER_STATES, EXECUTION_ERROR_CODES, MODES, TRANSITION_REASONS } from '@semibot/metrics/names'
import t from 'tap'

// Packages at the bottom import nothing of each other, so what they must agree on is held equal here.
t.test('the closed sets that several packages name are the same', async (t) => {
  t.same(MODES, CHAT_MODES)
  t.same(EXECUTION_ERROR_CODES, CODES_OF_PROTOCOL)
  t.same(new Set(TRANSITION_REASONS), new Set(REASONS_OF_BREAKER))
  t.same(new Set(BREAKER_STATES), new Set(STATES_OF_BREAKER))
  const mode = JSON.stringify(describeKeys().find((key) => JSON.stringify(key).includes('CHAT_EXECUTION_MODE')))
  for (const name of CHAT_MODES) t.ok(mode.includes(name), `CHAT_EXECUTION_MODE takes ${name}`)
})
