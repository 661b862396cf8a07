/**
 * Numbers of the calculator: exact fractions of big integers for as long as that is possible, a double
 * after a function such as `sin` or a root that does not come out even.
 */
export interface Fraction {
  readonly numerator: bigint
  /** Always positive, and without a common factor with the numerator. */
  readonly denominator: bigint
}

export type Value = Fraction | number

/** What the expression asks for cannot be computed; the message says what and where. */
export class CalculatorError extends Error {
  override readonly name = 'CalculatorError'
}

/** Largest exact number, about 1,200 decimal digits: bounds the time and the memory of one operation. */
const MAX_BITS = 4096

export const ONE: Fraction = { numerator: 1n, denominator: 1n }

/** The fraction in lowest terms. */
export function fraction(numerator: bigint, denominator: bigint): Fraction {
  if (denominator === 0n) throw new CalculatorError('division by zero')
  const sign = denominator < 0n ? -1n : 1n
  const divisor = greatestCommonDivisor(numerator < 0n ? -numerator : numerator, denominator * sign)
  const result = { numerator: (numerator * sign) / divisor, denominator: (denominator * sign) / divisor }
  if (bitLength(result.numerator) > MAX_BITS || bitLength(result.denominator) > MAX_BITS)
    throw new CalculatorError('the number is too large')
  return result
}

export function isExact(value: Value): value is Fraction {
  return typeof value !== 'number'
}

/** The nearest double. */
export function toDouble(value: Value): number {
  if (!isExact(value)) return value
  const direct = Number(value.numerator) / Number(value.denominator)
  if (Number.isFinite(direct) && (direct !== 0 || value.numerator === 0n)) return direct
  // Both parts are beyond a double's range: bring them into it together.
  const shift = BigInt(Math.max(bitLength(value.numerator), bitLength(value.denominator)) - 1000)
  return Number(value.numerator >> shift) / Number(value.denominator >> shift)
}

/** A double that must be a number: not the result of an impossible operation. */
export function double(value: number, what: string): number {
  if (Number.isNaN(value)) throw new CalculatorError(`${what} is not defined`)
  if (!Number.isFinite(value)) throw new CalculatorError('the number is too large')
  return value
}

/** Bits of the absolute value. */
export function bitLength(value: bigint): number {
  const hex = (value < 0n ? -value : value).toString(16)
  return hex.length * 4
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return x === 0n ? 1n : x
}
