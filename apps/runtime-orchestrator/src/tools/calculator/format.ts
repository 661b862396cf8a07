import { bitLength, isExact, toDouble, type Value } from './value.ts'

const MAX_EXACT_DECIMALS = 30
const SIGNIFICANT_DIGITS = 15

/**
 * The number as people write it: all digits when it is whole or a short decimal fraction, otherwise
 * rounded to 15 significant digits.
 */
export function format(value: Value): { text: string; exact: boolean } {
  if (!isExact(value)) return { text: shorten(value), exact: false }
  if (value.denominator === 1n) return { text: value.numerator.toString(), exact: true }
  const decimals = decimalPlaces(value.denominator)
  if (decimals !== undefined && decimals <= MAX_EXACT_DECIMALS) {
    const scaled = (value.numerator * 10n ** BigInt(decimals)) / value.denominator
    const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(decimals + 1, '0')
    const text = `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
    return { text: scaled < 0n ? `-${text}` : text, exact: true }
  }
  return { text: shorten(toDouble(value)), exact: false }
}

function shorten(value: number): string {
  return String(Number(value.toPrecision(SIGNIFICANT_DIGITS)))
}

/** Decimal places after which 1/denominator ends, or undefined when it never does. */
function decimalPlaces(denominator: bigint): number | undefined {
  let rest = denominator
  let [twos, fives] = [0, 0]
  // A power of two has one bit per factor, so these loops end after at most bitLength rounds.
  while (rest % 2n === 0n && twos <= bitLength(denominator)) [rest, twos] = [rest / 2n, twos + 1]
  while (rest % 5n === 0n && fives <= bitLength(denominator)) [rest, fives] = [rest / 5n, fives + 1]
  return rest === 1n ? Math.max(twos, fives) : undefined
}
