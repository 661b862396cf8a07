import { add, compare, floor, negate, squareRoot } from './arithmetic.ts'
import { CalculatorError, double, isExact, toDouble, type Value } from './value.ts'

interface CalculatorFunction {
  /** Fewest and most arguments. */
  readonly arity: readonly [number, number]
  apply(values: [Value, ...Value[]]): Value
}

const HALF: Value = { numerator: 1n, denominator: 2n }

function real(name: string, apply: (x: number) => number): CalculatorFunction {
  return { arity: [1, 1], apply: ([x]) => double(apply(toDouble(x)), `${name} of this number`) }
}

function logarithm(name: string, apply: (x: number) => number): CalculatorFunction {
  return {
    arity: [1, 1],
    apply: ([x]) => {
      if (toDouble(x) <= 0) throw new CalculatorError(`${name} needs a number above zero`)
      return double(apply(toDouble(x)), name)
    }
  }
}

function pick(wanted: 1 | -1): CalculatorFunction {
  return {
    arity: [1, 20],
    apply: (values) => values.reduce((best, value) => (compare(value, best) === wanted ? value : best))
  }
}

/** Functions by name. Angles are in radians. */
export const FUNCTIONS: ReadonlyMap<string, CalculatorFunction> = new Map([
  ['sqrt', { arity: [1, 1], apply: ([x]) => squareRoot(x) }],
  ['abs', { arity: [1, 1], apply: ([x]) => (toDouble(x) < 0 ? negate(x) : x) }],
  ['floor', { arity: [1, 1], apply: ([x]) => floor(x) }],
  ['ceil', { arity: [1, 1], apply: ([x]) => negate(floor(negate(x))) }],
  ['round', { arity: [1, 1], apply: ([x]) => roundHalfAwayFromZero(x) }],
  ['min', pick(-1)],
  ['max', pick(1)],
  ['ln', logarithm('ln', Math.log)],
  ['log', logarithm('log', Math.log10)],
  ['log2', logarithm('log2', Math.log2)],
  ['exp', real('exp', Math.exp)],
  ['sin', real('sin', Math.sin)],
  ['cos', real('cos', Math.cos)],
  ['tan', real('tan', Math.tan)]
] as const satisfies [string, CalculatorFunction][])

export const CONSTANTS: ReadonlyMap<string, Value> = new Map([
  ['pi', Math.PI],
  ['e', Math.E]
])

function roundHalfAwayFromZero(x: Value): Value {
  const negative = isExact(x) ? x.numerator < 0n : x < 0
  const rounded = floor(add(negative ? negate(x) : x, HALF))
  return negative ? negate(rounded) : rounded
}
