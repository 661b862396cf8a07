import t from 'tap'
import { type FailoverQuestion, MIN_REMAINING_MS, planFailover } from '../../src/chat/plan-failover.ts'

const killed: FailoverQuestion = {
  failedMode: 'runtime_orchestrator',
  origin: 'runtime',
  code: 'RUNTIME_UNAVAILABLE',
  attempts: 1,
  agentHasTools: false,
  textVisible: false,
  canRetract: true,
  continuation: 'none',
  remainingMs: 60_000,
  takeBudget: () => true
}

t.test('each row gives its plan', async (t) => {
  const rows: [string, Partial<FailoverQuestion>, string][] = [
    ['nothing visible: another answer takes its place', {}, 'replace'],
    ['nothing visible, an old client: the same', { canRetract: false }, 'replace'],
    ['a stalled runtime', { code: 'RUNTIME_STALLED' }, 'replace'],
    ['a full runtime', { code: 'RUNTIME_OVERLOADED' }, 'replace'],
    ['a full runtime, an agent with tools', { code: 'RUNTIME_OVERLOADED', agentHasTools: true }, 'fail'],
    ['a lost runtime, an agent with tools', { agentHasTools: true }, 'replace'],
    ['no budget for extra model calls', { takeBudget: () => false }, 'fail'],
    ['a tool that broke', { origin: 'tool', code: 'TOOL_FAILED' }, 'replace'],
    ['text visible, the client can retract', { textVisible: true }, 'retract'],
    ['text visible, the model continues a prefix', { textVisible: true, continuation: 'prefix' }, 'continue'],
    [
      'continuing comes before retracting',
      { textVisible: true, continuation: 'prefix', canRetract: false },
      'continue'
    ],
    ['text visible, an old client, no prefix', { textVisible: true, canRetract: false }, 'fail'],
    ['the model provider is down', { origin: 'llm', code: 'LLM_UNAVAILABLE' }, 'fail'],
    ['the model provider refuses', { origin: 'llm', code: 'LLM_RATE_LIMITED' }, 'fail'],
    ['the caller is at fault', { origin: 'client', code: 'LIMIT_EXCEEDED' }, 'fail'],
    ['a limit was reached', { origin: 'runtime', code: 'LIMIT_EXCEEDED' }, 'fail'],
    ['the deadline has passed', { code: 'DEADLINE_EXCEEDED' }, 'fail'],
    ['direct_llm failed', { failedMode: 'direct_llm', origin: 'llm', code: 'LLM_UNAVAILABLE' }, 'fail'],
    ['the failover failed as well', { attempts: 2 }, 'fail'],
    ['no time is left', { remainingMs: MIN_REMAINING_MS - 1 }, 'fail'],
    ['just enough time is left', { remainingMs: MIN_REMAINING_MS }, 'replace']
  ]
  for (const [name, change, action] of rows) {
    t.equal(planFailover({ ...killed, ...change }).action, action, name)
  }
})

t.test('an end without failover says which rule ended it', async (t) => {
  t.match(planFailover({ ...killed, textVisible: true, canRetract: false }), { why: /cannot take back/ })
  t.match(planFailover({ ...killed, attempts: 2 }), { why: /one failover/ })
})

t.test('the budget is asked only when a second call would really be made', async (t) => {
  let asked = 0
  const takeBudget = () => ++asked > 0
  for (const change of [
    { attempts: 2 },
    { remainingMs: 0 },
    { origin: 'llm' as const },
    { textVisible: true, canRetract: false }
  ]) {
    planFailover({ ...killed, ...change, takeBudget })
  }
  t.equal(asked, 0)
  planFailover({ ...killed, takeBudget })
  t.equal(asked, 1)
})
