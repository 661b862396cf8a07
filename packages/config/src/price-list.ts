import { z } from 'zod'
import type { ValueKind } from './key.ts'

/** What a model costs, in US dollars for a million tokens. */
export interface ModelPrice {
  /** Name of the model; `*` for every model that has no price of its own. */
  readonly model: string
  readonly input: number
  readonly output: number
  /** Of input tokens that the provider had in its cache; left out, as `input`. */
  readonly cachedInput?: number
}

/** Largest price of a million tokens, in US dollars. */
const MAX_PRICE = 100_000
const AMOUNT = /^\d{1,6}(\.\d{1,9})?$/
const MODEL = /^[^\s,\p{Cc}]{1,200}$/u

/** A comma list of `model=input/output` or `model=input/output/cachedInput`, in US dollars for a million tokens. */
export function priceList(): ValueKind<readonly ModelPrice[]> {
  const expected =
    'a comma list of model=input/output or model=input/output/cachedInput, in US dollars for a million tokens, each model once, such as small=0.15/0.6,*=3/15'
  const schema = z.string().transform((text, context) => {
    const items = text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
    const prices = new Map<string, ModelPrice>()
    for (const [index, item] of items.entries()) {
      const price = readPrice(item)
      if (price === undefined || prices.has(price.model)) {
        context.addIssue({ code: 'custom', message: expected, path: [index] })
        return z.NEVER
      }
      prices.set(price.model, price)
    }
    return [...prices.values()]
  })
  return {
    schema: schema as unknown as ValueKind<readonly ModelPrice[]>['schema'],
    expected,
    type: 'list of prices',
    emptyIsValue: true
  }
}

/** A model's own price, else that of `*`; undefined when there is neither. */
export function priceOf(prices: readonly ModelPrice[], model: string): ModelPrice | undefined {
  return prices.find((price) => price.model === model) ?? prices.find((price) => price.model === '*')
}

function readPrice(item: string): ModelPrice | undefined {
  // A model's name may hold an equals sign, a price may not.
  const equals = item.lastIndexOf('=')
  const model = item.slice(0, equals).trim()
  const amounts = item
    .slice(equals + 1)
    .split('/')
    .map((amount) => amount.trim())
  if (equals < 1 || !MODEL.test(model) || amounts.length < 2 || amounts.length > 3) return undefined
  if (!amounts.every((amount) => AMOUNT.test(amount) && Number(amount) <= MAX_PRICE)) return undefined
  const [input, output, cachedInput] = amounts.map(Number) as [number, number, number | undefined]
  return { model, input, output, ...(cachedInput === undefined ? {} : { cachedInput }) }
}
