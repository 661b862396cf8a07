import t from 'tap'
import { type BudgetLimits, mergeLimits, StepBudget } from '../../src/agent/step-budget.ts'

const PRICE = { model: 'm', input: 2, output: 10, cachedInput: 1 }
const LIMITS: BudgetLimits = { maxSteps: 2, maxToolCalls: 3, maxTokens: 100, maxCostUsd: undefined, prices: [PRICE] }

t.test('each limit has a message of its own', async (t) => {
  const steps = new StepBudget(LIMITS, 'm')
  steps.spendStep()
  steps.spendStep()
  t.throws(() => steps.spendStep(), {
    code: 'LIMIT_EXCEEDED',
    origin: 'client',
    message: 'The agent did not finish within 2 steps, which is its limit.'
  })
  t.equal(steps.steps, 2)

  const calls = new StepBudget(LIMITS, 'm')
  calls.spendToolCalls(2)
  t.throws(() => calls.spendToolCalls(2), {
    message: 'The agent asked for more than 3 tool calls, which is its limit.'
  })
  calls.spendToolCalls(1)
  t.throws(() => calls.spendToolCalls(1), { code: 'LIMIT_EXCEEDED' }, 'calls that were refused are not counted')

  const tokens = new StepBudget(LIMITS, 'm')
  tokens.spendStep()
  tokens.addUsage({ inputTokens: 60, outputTokens: 40, totalTokens: 100 })
  t.throws(() => tokens.spendStep(), {
    message: 'The agent used 100 tokens without finishing; its limit is 100 tokens.'
  })
  const pieces = new StepBudget({ ...LIMITS, maxTokens: 12 }, 'm')
  pieces.addUsage({ inputTokens: 6, outputTokens: 4, totalTokens: 10 })
  pieces.spendPiece()
  pieces.spendPiece()
  t.throws(() => pieces.spendPiece(), { message: /used 13 tokens without finishing; its limit is 12 tokens/ })
  t.throws(() => new StepBudget({ ...LIMITS, maxToolCalls: 0 }, 'm').spendToolCalls(1), {
    message: /more than 0 tool calls/
  })
  t.throws(() => new StepBudget({ ...LIMITS, maxSteps: 0 }, 'm').spendStep(), { message: /within 0 steps/ })
})

t.test('usage is the sum over all model calls', async (t) => {
  const budget = new StepBudget(LIMITS, 'm')
  t.same(budget.usage, { inputTokens: 0, outputTokens: 0, totalTokens: 0 })
  budget.addUsage({ inputTokens: 1, outputTokens: 2, totalTokens: 3, cachedInputTokens: 1 })
  budget.addUsage({ inputTokens: 10, outputTokens: 20, totalTokens: 30, reasoningTokens: 5 })
  t.same(budget.usage, { inputTokens: 11, outputTokens: 22, totalTokens: 33, cachedInputTokens: 1, reasoningTokens: 5 })
})

const USAGE = { inputTokens: 1_000, outputTokens: 100, totalTokens: 1_100 }

t.test('a limit in money', async (t) => {
  const limits = { ...LIMITS, maxTokens: 1_000_000, maxCostUsd: 0.003 }
  const budget = new StepBudget(limits, 'm')
  budget.spendStep()
  budget.addUsage({ ...USAGE, cachedInputTokens: 500 })
  t.equal(budget.costUsd, 0.0025, 'counts input, cached input and output at their prices')
  budget.spendStep()
  for (let piece = 0; piece < 50; piece++) budget.spendPiece()
  t.throws(
    () => budget.spendPiece(),
    {
      code: 'LIMIT_EXCEEDED',
      origin: 'client',
      message: 'The agent spent 0.00301 USD without finishing; its limit is 0.003 USD.'
    },
    'ends an answer while it is being written'
  )
  const spent = new StepBudget(limits, 'm')
  spent.addUsage(USAGE)
  t.throws(() => spent.spendStep(), { message: /spent 0.003 USD without finishing/ }, 'is reached when it is spent')

  const unpriced = new StepBudget(limits, 'other')
  t.throws(
    () => unpriced.spendStep(),
    { code: 'LIMIT_EXCEEDED', message: /LLM_PRICES has no price for the model other/ },
    'lets nothing begin that it cannot count'
  )
  t.equal(unpriced.costUsd, undefined)
  const free = new StepBudget(LIMITS, 'other')
  t.doesNotThrow(() => free.spendStep(), 'and without a limit no price is needed')
})

t.test('the smaller limit holds', async (t) => {
  t.same(mergeLimits(LIMITS, undefined), LIMITS)
  t.same(mergeLimits(LIMITS, { maxSteps: 1, maxToolCalls: 99, maxTokens: 50 }), {
    maxSteps: 1,
    maxToolCalls: 3,
    maxTokens: 50,
    maxCostUsd: undefined,
    prices: [PRICE]
  })
  const costs: [own: number | undefined, asked: number | undefined, holds: number | undefined][] = [
    [undefined, undefined, undefined],
    [undefined, 2, 2],
    [1, undefined, 1],
    [1, 2, 1],
    [3, 2, 2]
  ]
  for (const [own, asked, holds] of costs) {
    const merged = mergeLimits({ ...LIMITS, maxCostUsd: own }, asked === undefined ? {} : { maxCostUsd: asked })
    t.equal(merged.maxCostUsd, holds, `of ${own} and ${asked} USD`)
  }
})
