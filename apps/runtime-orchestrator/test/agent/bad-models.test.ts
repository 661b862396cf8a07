import t from 'tap'
import { LOG } from '../../src/constants/log-messages.ts'
import { type AgentCase, failed, failLog, makeTool, startAgentCases } from '../helpers/agent-cases.ts'
import { makeToolRequest, run } from '../helpers/execute.ts'

const { origin, log, names, check } = await startAgentCases(t, [makeTool('good', async () => 'fine')])

const CASES: AgentCase[] = [
  {
    what: 'a model that calls too many tools at once',
    say: '[[sim:call=good {}]][[sim:parallel=13]]',
    tools: [],
    end: failed('LIMIT_EXCEEDED', 'client', /^The agent asked for more than 12 tool calls, which is its limit\.$/),
    log: failLog('LIMIT_EXCEEDED'),
    asked: 1,
    ran: { good: 0 }
  },
  {
    what: 'a model that loops for ever',
    say: '[[sim:call=good {}]][[sim:loop]]',
    tools: Array.from({ length: 6 }, () => ({ status: 'ok' })),
    end: failed('LIMIT_EXCEEDED', 'client', /^The agent did not finish within 6 steps, which is its limit\.$/),
    log: failLog('LIMIT_EXCEEDED'),
    asked: 6
  },
  {
    what: 'a model that never stops talking',
    say: '[[sim:length=100000]]',
    end: failed(
      'LIMIT_EXCEEDED',
      'client',
      /^The agent used 5001 tokens without finishing; its limit is 5000 tokens\.$/
    ),
    log: failLog('LIMIT_EXCEEDED'),
    asked: 1
  },
  {
    what: 'a model that costs too much',
    say: '[[sim:length=1000]]',
    model: 'simulator-dear',
    end: failed('LIMIT_EXCEEDED', 'client', /^The agent spent 0\.051 USD without finishing; its limit is 0\.05 USD\.$/),
    log: failLog('LIMIT_EXCEEDED'),
    asked: 1
  },
  {
    what: 'a model without a price',
    say: '',
    model: 'simulator-new',
    end: failed('LIMIT_EXCEEDED', 'client', /LLM_PRICES has no price for the model simulator-new/),
    log: failLog('LIMIT_EXCEEDED'),
    asked: 0
  },
  {
    what: 'a model that takes too long',
    say: '[[sim:call=good {}]][[sim:loop gap=1000]]',
    timeoutMs: '1500',
    end: failed('DEADLINE_EXCEEDED', 'runtime', /^The execution did not finish within 1000 ms\.$/),
    log: failLog('DEADLINE_EXCEEDED'),
    asked: 1
  },
  {
    what: 'a model that answers with nothing',
    say: '[[sim:length=0]]',
    end: failed('LLM_UNAVAILABLE', 'llm', /^The model answered with nothing\.$/),
    log: { ...failLog('LLM_UNAVAILABLE'), costUsd: 0 },
    asked: 2
  },
  {
    what: 'a model whose stream is empty',
    say: '[[sim:end=0]]',
    end: failed('LLM_UNAVAILABLE', 'llm', /without a finish reason|broke off/),
    log: failLog('LLM_UNAVAILABLE'),
    asked: 2
  },
  {
    what: 'a model that sends no byte',
    say: '[[sim:hang]]',
    timeoutMs: '700',
    end: failed('DEADLINE_EXCEEDED', 'llm', /^The model sent nothing for/),
    log: failLog('DEADLINE_EXCEEDED'),
    asked: 1
  }
]

for (const each of CASES) t.test(`${each.what} ends in good order`, (t) => check(t, each))

t.test('what an execution cost is in its log line', async (t) => {
  const request = makeToolRequest('Go [[sim:say=ok]]', { agent: { tools: names, model: 'simulator-dear' } })
  const events = await run(origin, request)
  const { usage } = events.at(-1) as { usage: { inputTokens: number; outputTokens: number } }
  const line = log.find(({ msg, executionId }) => msg === LOG.executionCompleted && executionId === request.executionId)
  t.equal(line?.costUsd, (usage.inputTokens * 100 + usage.outputTokens * 1000) / 1_000_000)
})

t.test('nothing is left of any of them', async (t) => {
  const metrics = await (await fetch(`${origin}/metrics`)).text()
  t.match(metrics, /^runtime_execution_in_flight 0$/m)
})
