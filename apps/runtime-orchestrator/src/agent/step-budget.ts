import type { ExecutionLimits, Usage } from '@semibot/chat-protocol'
import { type ModelPrice, priceOf } from '@semibot/config'
import { ExecutionError } from './execution-error.ts'

export interface BudgetLimits {
  maxSteps: number
  maxToolCalls: number
  /** Input and output tokens of all model calls together. */
  maxTokens: number
  /** What all model calls together may cost, in US dollars; undefined: no such limit. */
  maxCostUsd: number | undefined
  /** What models cost. */
  prices: readonly ModelPrice[]
}

const TOKENS_OF_A_PRICE = 1_000_000

/** What one execution may still spend. Every `spend…` that goes beyond a limit throws LIMIT_EXCEEDED. */
export class StepBudget {
  readonly #limits: BudgetLimits
  readonly #model: string
  readonly #price: ModelPrice | undefined
  #steps = 0
  #toolCalls = 0
  /** Pieces of the answer that is being written; the model has not said yet how many tokens it counts. */
  #pieces = 0
  #usage: Usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }

  constructor(limits: BudgetLimits, model: string) {
    this.#limits = limits
    this.#model = model
    this.#price = priceOf(limits.prices, model)
  }

  /** Tokens of all model calls so far. */
  get usage(): Usage {
    return this.#usage
  }

  /** What all model calls so far cost, in US dollars; undefined when the model has no price. */
  get costUsd(): number | undefined {
    return this.#price === undefined ? undefined : costOf(this.#price, this.#usage)
  }

  get steps(): number {
    return this.#steps
  }

  /** Call it before each model call. */
  spendStep(): void {
    const { maxSteps, maxTokens, maxCostUsd } = this.#limits
    if (maxCostUsd !== undefined && this.#price === undefined)
      throw exceeded(`The limit in money cannot be kept: LLM_PRICES has no price for the model ${this.#model}.`)
    if (this.#steps >= maxSteps)
      throw exceeded(`The agent did not finish within ${count(maxSteps, 'step')}, which is its limit.`)
    if (this.#usage.totalTokens >= maxTokens) throw this.#tooManyTokens(this.#usage.totalTokens)
    if (maxCostUsd !== undefined && this.costUsd! >= maxCostUsd) throw tooExpensive(this.costUsd!, maxCostUsd)
    this.#steps++
  }

  /** Call it for each piece of an answer: no piece is less than a token. */
  spendPiece(): void {
    const { maxTokens, maxCostUsd } = this.#limits
    const tokens = this.#usage.totalTokens + ++this.#pieces
    if (tokens > maxTokens) throw this.#tooManyTokens(tokens)
    if (maxCostUsd === undefined || this.#price === undefined) return
    const cost = costOf(this.#price, this.#usage) + (this.#pieces * this.#price.output) / TOKENS_OF_A_PRICE
    if (cost > maxCostUsd) throw tooExpensive(cost, maxCostUsd)
  }

  /** Call it before the tool calls of one step begin: all of them run, or none. */
  spendToolCalls(calls: number): void {
    const { maxToolCalls } = this.#limits
    if (this.#toolCalls + calls > maxToolCalls)
      throw exceeded(`The agent asked for more than ${count(maxToolCalls, 'tool call')}, which is its limit.`)
    this.#toolCalls += calls
  }

  addUsage(usage: Usage): void {
    this.#pieces = 0
    this.#usage = addUsage(this.#usage, usage)
  }

  #tooManyTokens(used: number): ExecutionError {
    return exceeded(
      `The agent used ${used} tokens without finishing; its limit is ${count(this.#limits.maxTokens, 'token')}.`
    )
  }
}

/** The smaller of what the caller allows and what this process allows. */
export function mergeLimits(own: BudgetLimits, asked: ExecutionLimits | undefined): BudgetLimits {
  return {
    maxSteps: Math.min(own.maxSteps, asked?.maxSteps ?? own.maxSteps),
    maxToolCalls: Math.min(own.maxToolCalls, asked?.maxToolCalls ?? own.maxToolCalls),
    maxTokens: Math.min(own.maxTokens, asked?.maxTokens ?? own.maxTokens),
    maxCostUsd: smaller(own.maxCostUsd, asked?.maxCostUsd),
    prices: own.prices
  }
}

/** Sum of two counts; an optional part is there when either has it. */
export function addUsage(a: Usage, b: Usage): Usage {
  const cached = sum(a.cachedInputTokens, b.cachedInputTokens)
  const reasoning = sum(a.reasoningTokens, b.reasoningTokens)
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    totalTokens: a.totalTokens + b.totalTokens,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning })
  }
}

/** What these tokens cost, in US dollars. */
export function costOf({ input, output, cachedInput = input }: ModelPrice, usage: Usage): number {
  const cached = Math.min(usage.cachedInputTokens ?? 0, usage.inputTokens)
  const dollars = (usage.inputTokens - cached) * input + cached * cachedInput + usage.outputTokens * output
  return dollars / TOKENS_OF_A_PRICE
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0)
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function money(dollars: number): string {
  return `${Number(dollars.toFixed(6))} USD`
}

function tooExpensive(cost: number, limit: number): ExecutionError {
  return exceeded(`The agent spent ${money(cost)} without finishing; its limit is ${money(limit)}.`)
}

function exceeded(message: string): ExecutionError {
  return new ExecutionError('LIMIT_EXCEEDED', 'client', message)
}
