import { CalculatorError } from './value.ts'

/** Longest expression, in UTF-16 units. */
export const MAX_EXPRESSION_LENGTH = 1_000

const SYMBOLS = ['+', '-', '*', '/', '%', '^', '(', ')', ','] as const
type Symbol = (typeof SYMBOLS)[number]

export interface Token {
  readonly kind: 'number' | 'name' | 'end' | Symbol
  readonly text: string
  /** First character, counted from 1. */
  readonly at: number
}

/** Signs that people and models write for the same operator. */
const ALIASES: Readonly<Record<string, Symbol>> = {
  '×': '*',
  '·': '*',
  '÷': '/',
  '−': '-',
  '（': '(',
  '）': ')',
  '，': ',',
  '**': '^'
}

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(\*\*|[-+*/%^(),×·÷−（），]))/y

/** @throws CalculatorError on the first character that no expression has, and on an expression that is too long. */
export function tokenize(expression: string): Token[] {
  if (expression.length > MAX_EXPRESSION_LENGTH)
    throw new CalculatorError(`the expression has ${expression.length} characters; at most ${MAX_EXPRESSION_LENGTH}`)
  const tokens: Token[] = []
  const length = expression.trimEnd().length
  let at = 0
  while (at < length) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(expression)
    if (match === null) {
      const blank = /^\s*/.exec(expression.slice(at))?.[0].length ?? 0
      const found = String.fromCodePoint(expression.codePointAt(at + blank) ?? 0)
      throw new CalculatorError(`unexpected "${found}" at character ${at + blank + 1}`)
    }
    const [all, number, name, symbol] = match
    const text = number ?? name ?? symbol ?? ''
    const kind = number !== undefined ? 'number' : name !== undefined ? 'name' : (ALIASES[text] ?? (text as Symbol))
    tokens.push({ kind, text: kind === 'name' ? text.toLowerCase() : text, at: at + all.length - text.length + 1 })
    at += all.length
  }
  tokens.push({ kind: 'end', text: '', at: length + 1 })
  return tokens
}
