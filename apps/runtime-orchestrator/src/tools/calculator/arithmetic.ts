import {
  bitLength,
  CalculatorError,
  double,
  type Fraction,
  fraction,
  isExact,
  ONE,
  toDouble,
  type Value
} from './value.ts'

const MAX_POWER_BITS = 4096n

export function add(a: Value, b: Value): Value {
  if (!isExact(a) || !isExact(b)) return double(toDouble(a) + toDouble(b), 'the sum')
  return fraction(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)
}

export function negate(a: Value): Value {
  return isExact(a) ? { numerator: -a.numerator, denominator: a.denominator } : -a
}

export function subtract(a: Value, b: Value): Value {
  return add(a, negate(b))
}

export function multiply(a: Value, b: Value): Value {
  if (!isExact(a) || !isExact(b)) return double(toDouble(a) * toDouble(b), 'the product')
  return fraction(a.numerator * b.numerator, a.denominator * b.denominator)
}

export function divide(a: Value, b: Value): Value {
  if (toDouble(b) === 0 && (!isExact(b) || b.numerator === 0n)) throw new CalculatorError('division by zero')
  if (!isExact(a) || !isExact(b)) return double(toDouble(a) / toDouble(b), 'the quotient')
  return fraction(a.numerator * b.denominator, a.denominator * b.numerator)
}

/** What is left after dividing; it has the sign of the dividend, as in most programming languages. */
export function remainder(a: Value, b: Value): Value {
  if (toDouble(b) === 0 && (!isExact(b) || b.numerator === 0n)) throw new CalculatorError('division by zero')
  if (!isExact(a) || !isExact(b)) return double(toDouble(a) % toDouble(b), 'the remainder')
  const whole = (a.numerator * b.denominator) / (a.denominator * b.numerator)
  return subtract(a, multiply({ numerator: whole, denominator: 1n }, b))
}

/** Exact for whole exponents and for roots that come out even. */
export function power(base: Value, exponent: Value): Value {
  if (!isExact(base) || !isExact(exponent)) return double(toDouble(base) ** toDouble(exponent), 'the power')
  if (exponent.denominator === 1n) return wholePower(base, exponent.numerator)
  if (exponent.numerator === 1n && exponent.denominator === 2n) return squareRoot(base)
  return double(toDouble(base) ** toDouble(exponent), 'the power')
}

function wholePower(base: Fraction, exponent: bigint): Value {
  if (exponent === 0n) return ONE
  const times = exponent < 0n ? -exponent : exponent
  const size = BigInt(Math.max(bitLength(base.numerator), bitLength(base.denominator)))
  const trivial = base.denominator === 1n && base.numerator >= -1n && base.numerator <= 1n
  // Known before computing it: 9^9^9 has 369 million digits.
  if (!trivial && (size - 4n) * times > MAX_POWER_BITS) throw new CalculatorError('the number is too large')
  if (trivial) {
    if (base.numerator === 0n && exponent < 0n) throw new CalculatorError('division by zero')
    return base.numerator === -1n && times % 2n === 0n ? ONE : base
  }
  if (times > MAX_POWER_BITS) throw new CalculatorError('the number is too large')
  const numerator = base.numerator ** times
  const denominator = base.denominator ** times
  return exponent > 0n ? fraction(numerator, denominator) : fraction(denominator, numerator)
}

export function squareRoot(value: Value): Value {
  if (toDouble(value) < 0) throw new CalculatorError('the square root of a negative number is not defined')
  if (isExact(value)) {
    const numerator = wholeRoot(value.numerator)
    const denominator = wholeRoot(value.denominator)
    if (numerator !== undefined && denominator !== undefined) return { numerator, denominator }
  }
  return double(Math.sqrt(toDouble(value)), 'the square root')
}

/** The root when `value` is a perfect square. Newton's method on integers. */
function wholeRoot(value: bigint): bigint | undefined {
  if (value < 2n) return value
  let estimate = 1n << BigInt(Math.ceil(bitLength(value) / 2))
  for (;;) {
    const next = (estimate + value / estimate) >> 1n
    if (next >= estimate) break
    estimate = next
  }
  return estimate * estimate === value ? estimate : undefined
}

/** -1, 0 or 1. */
export function compare(a: Value, b: Value): number {
  if (!isExact(a) || !isExact(b)) return Math.sign(toDouble(a) - toDouble(b))
  const difference = a.numerator * b.denominator - b.numerator * a.denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The largest whole number that is not greater. */
export function floor(value: Value): Value {
  if (!isExact(value)) return Math.floor(value)
  const whole = value.numerator / value.denominator
  const below = value.numerator < 0n && value.numerator % value.denominator !== 0n
  return { numerator: below ? whole - 1n : whole, denominator: 1n }
}
