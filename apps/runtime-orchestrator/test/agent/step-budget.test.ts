import t from 'tap'
import { mergeLimits, StepBudget } from '../../src/agent/step-budget.ts'

const LIMITS = { maxSteps: 2, maxToolCalls: 3, maxTokens: 100 }

t.test('each limit has a message of its own', async (t) => {
  const steps = new StepBudget(LIMITS)
  steps.spendStep()
  steps.spendStep()
  t.throws(() => steps.spendStep(), {
    code: 'LIMIT_EXCEEDED',
    origin: 'client',
    message: 'The agent did not finish within 2 steps, which is its limit.'
  })
  t.equal(steps.steps, 2)

  const calls = new StepBudget(LIMITS)
  calls.spendToolCalls(2)
  t.throws(() => calls.spendToolCalls(2), {
    message: 'The agent asked for more than 3 tool calls, which is its limit.'
  })
  calls.spendToolCalls(1)
  t.throws(() => calls.spendToolCalls(1), { code: 'LIMIT_EXCEEDED' }, 'calls that were refused are not counted')

  const tokens = new StepBudget(LIMITS)
  tokens.spendStep()
  tokens.addUsage({ inputTokens: 60, outputTokens: 40, totalTokens: 100 })
  t.throws(() => tokens.spendStep(), {
    message: 'The agent used 100 tokens without finishing; its limit is 100 tokens.'
  })
  const pieces = new StepBudget({ ...LIMITS, maxTokens: 12 })
  pieces.addUsage({ inputTokens: 6, outputTokens: 4, totalTokens: 10 })
  pieces.spendPiece()
  pieces.spendPiece()
  t.throws(() => pieces.spendPiece(), { message: /used 13 tokens without finishing; its limit is 12 tokens/ })
  t.throws(() => new StepBudget({ ...LIMITS, maxToolCalls: 0 }).spendToolCalls(1), {
    message: /more than 0 tool calls/
  })
  t.throws(() => new StepBudget({ ...LIMITS, maxSteps: 0 }).spendStep(), { message: /within 0 steps/ })
})

t.test('usage is the sum over all model calls', async (t) => {
  const budget = new StepBudget(LIMITS)
  t.same(budget.usage, { inputTokens: 0, outputTokens: 0, totalTokens: 0 })
  budget.addUsage({ inputTokens: 1, outputTokens: 2, totalTokens: 3, cachedInputTokens: 1 })
  budget.addUsage({ inputTokens: 10, outputTokens: 20, totalTokens: 30, reasoningTokens: 5 })
  t.same(budget.usage, { inputTokens: 11, outputTokens: 22, totalTokens: 33, cachedInputTokens: 1, reasoningTokens: 5 })
})

t.test('the smaller limit holds', async (t) => {
  t.same(mergeLimits(LIMITS, undefined), LIMITS)
  t.same(mergeLimits(LIMITS, { maxSteps: 1, maxToolCalls: 99, maxTokens: 50 }), {
    maxSteps: 1,
    maxToolCalls: 3,
    maxTokens: 50
  })
})
