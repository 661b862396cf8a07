import { CHAT_MODES, EXECUTION_ERROR_CODES, TOOL_STATUSES } from '@semibot/chat-protocol'
import * as metrics from '@semibot/metrics'
import t from 'tap'

t.test('labels take exactly the values of the wire contract', (t) => {
  t.strictSame(metrics.MODES, CHAT_MODES)
  t.strictSame(metrics.EXECUTION_ERROR_CODES, EXECUTION_ERROR_CODES)
  t.strictSame(metrics.TOOL_OUTCOMES, TOOL_STATUSES)
  t.end()
})
