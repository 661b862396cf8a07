import { add, divide, multiply, negate, power, remainder, subtract } from './arithmetic.ts'
import { CONSTANTS, FUNCTIONS } from './functions.ts'
import { type Token, tokenize } from './tokenize.ts'
import { CalculatorError, fraction, type Value } from './value.ts'

const MAX_DEPTH = 60
const MAX_EXPONENT_DIGITS = 4

/**
 * Computes an arithmetic expression by recursive descent; nothing is ever executed as code.
 * From loose to tight: `+ -`, `* / %`, sign, `^` (right to left, so `-2^2` is -4 and `2^-1` is 0.5).
 * @throws CalculatorError that says what is wrong and at which character, counted from 1.
 */
export function evaluate(expression: string): Value {
  const parser = new Parser(tokenize(expression))
  return parser.whole()
}

class Parser {
  readonly #tokens: Token[]
  #next = 0
  #depth = 0

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  whole(): Value {
    const value = this.#sum()
    const rest = this.#peek()
    if (rest.kind !== 'end') throw unexpected(rest)
    return value
  }

  #sum(): Value {
    let value = this.#product()
    for (;;) {
      if (this.#take('+')) value = add(value, this.#product())
      else if (this.#take('-')) value = subtract(value, this.#product())
      else return value
    }
  }

  #product(): Value {
    let value = this.#signed()
    for (;;) {
      if (this.#take('*')) value = multiply(value, this.#signed())
      else if (this.#take('/')) value = divide(value, this.#signed())
      else if (this.#take('%')) value = remainder(value, this.#signed())
      else return value
    }
  }

  #signed(): Value {
    return this.#nested(() => {
      if (this.#take('-')) return negate(this.#signed())
      if (this.#take('+')) return this.#signed()
      const base = this.#primary()
      return this.#take('^') ? power(base, this.#signed()) : base
    })
  }

  #primary(): Value {
    const token = this.#peek()
    this.#next++
    if (token.kind === 'number') return toFraction(token)
    if (token.kind === 'name') return this.#named(token)
    if (token.kind === '(') {
      const value = this.#sum()
      this.#expect(')')
      return value
    }
    throw unexpected(token)
  }

  #named(token: Token): Value {
    const constant = CONSTANTS.get(token.text)
    if (constant !== undefined) return constant
    const called = FUNCTIONS.get(token.text)
    if (called === undefined) {
      const known = [...FUNCTIONS.keys(), ...CONSTANTS.keys()].join(', ')
      throw new CalculatorError(`unknown name "${token.text}" at character ${token.at}; known: ${known}`)
    }
    this.#expect('(')
    const values: [Value, ...Value[]] = [this.#sum()]
    while (this.#take(',')) values.push(this.#sum())
    this.#expect(')')
    const [fewest, most] = called.arity
    if (values.length < fewest || values.length > most) {
      const wanted = fewest === most ? `${fewest}` : `${fewest} to ${most}`
      throw new CalculatorError(`${token.text} takes ${wanted} argument(s), not ${values.length}`)
    }
    return called.apply(values)
  }

  #nested(read: () => Value): Value {
    if (++this.#depth > MAX_DEPTH) throw new CalculatorError(`more than ${MAX_DEPTH} levels deep`)
    const value = read()
    this.#depth--
    return value
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? this.#tokens.at(-1)!
  }

  #take(kind: Token['kind']): boolean {
    if (this.#peek().kind !== kind) return false
    this.#next++
    return true
  }

  #expect(kind: Token['kind']): void {
    if (this.#take(kind)) return
    const found = this.#peek()
    const what = found.kind === 'end' ? 'the end' : `"${found.text}"`
    throw new CalculatorError(`expected "${kind}" but found ${what} at character ${found.at}`)
  }
}

function toFraction(token: Token): Value {
  const [mantissa = '', exponent = '0'] = token.text.toLowerCase().split('e')
  const [whole = '', decimals = ''] = mantissa.split('.')
  if (exponent.replace(/^[+-]/, '').length > MAX_EXPONENT_DIGITS) throw new CalculatorError('the number is too large')
  const scale = Number(exponent) - decimals.length
  if (Math.abs(scale) > 1_200) throw new CalculatorError('the number is too large')
  const digits = BigInt(whole + decimals)
  return scale >= 0 ? fraction(digits * 10n ** BigInt(scale), 1n) : fraction(digits, 10n ** BigInt(-scale))
}

function unexpected(token: Token): CalculatorError {
  if (token.kind === 'end') return new CalculatorError('the expression ends too early')
  return new CalculatorError(`unexpected "${token.text}" at character ${token.at}`)
}
