import { z } from 'zod'
import type { ValueKind } from './key.ts'

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const INTEGER = /^[+-]?\d+$/

function numeric(pattern: RegExp, min: number, max: number, expected: string): z.ZodType<number, string> {
  return z
    .string()
    .refine((text) => pattern.test(text) && Number(text) >= min && Number(text) <= max, { error: expected })
    .transform((text) => Number(text) + 0)
}

/** A whole number in a closed range. */
export function integer(range: { min: number; max: number; zero?: string }): ValueKind<number> {
  const zero = range.zero === undefined ? '' : ` (0 = ${range.zero})`
  const expected = `a whole number from ${range.min} to ${range.max}${zero}`
  return { schema: numeric(INTEGER, range.min, range.max, expected), expected, type: 'integer' }
}

/** A rate from 0 to 1. */
export function fraction(): ValueKind<number> {
  const expected = 'a number from 0 to 1 (0.7 means 70 %)'
  return { schema: numeric(DECIMAL, 0, 1, expected), expected, type: 'number' }
}

/** An amount of US dollars; 0 stands for none. */
export function dollars(range: { max: number; zero: string }): ValueKind<number> {
  const expected = `an amount in US dollars from 0 to ${range.max} (0 = ${range.zero})`
  return { schema: numeric(DECIMAL, 0, range.max, expected), expected, type: 'number' }
}

/** A share of 100; fractions of a percent are allowed. */
export function percent(): ValueKind<number> {
  const expected = 'a number from 0 to 100, without a percent sign'
  return { schema: numeric(DECIMAL, 0, 100, expected), expected, type: 'number' }
}

/** A TCP port; 0 lets the system choose a free one. */
export function port(): ValueKind<number> {
  const expected = 'a port from 0 to 65535 (0 = any free port)'
  return { schema: numeric(INTEGER, 0, 65_535, expected), expected, type: 'integer' }
}

/** One of a closed set of words. */
export function oneOf<const W extends readonly [string, ...string[]]>(words: W): ValueKind<W[number]> {
  const expected = `one of ${words.join(', ')}`
  return {
    schema: z.enum(words, { error: expected }) as unknown as ValueKind<W[number]>['schema'],
    expected,
    type: words.join(' | ')
  }
}

/** Any text without control characters. */
export function text(
  options: { expected?: string; pattern?: RegExp; maxLength?: number; type?: string } = {}
): ValueKind<string> {
  const maxLength = options.maxLength ?? 4096
  const expected = options.expected ?? `text of at most ${maxLength} characters without control characters`
  const pattern = options.pattern ?? /^\P{Cc}+$/u
  const schema = z.string().refine((value) => value.length <= maxLength && pattern.test(value), { error: expected })
  return { schema, expected, type: options.type ?? 'text', freeText: true }
}

/** A secret of at least `minBytes` bytes of UTF-8. */
export function secretText(options: { minBytes: number }): ValueKind<string> {
  const expected = `a secret of at least ${options.minBytes} bytes, such as the output of: openssl rand -hex 32`
  const schema = z
    .string()
    .refine((value) => Buffer.byteLength(value) >= options.minBytes && /^\P{Cc}+$/u.test(value), { error: expected })
  return { schema, expected, type: 'text', freeText: true }
}

/** A comma list: items are trimmed, empty and repeated ones are dropped. */
export function list<T extends string>(
  item: ValueKind<T>,
  options: { items: string; min?: number; max?: number }
): ValueKind<readonly T[]> {
  const min = options.min ?? 0
  const max = options.max ?? 1000
  const size = min > 0 ? `${min} to ${max}` : `at most ${max}`
  const expected = `a comma list of ${size} ${options.items}, each ${item.expected}`
  const schema = z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
    )
    .pipe(z.array(item.schema))
    .transform((items) => [...new Set(items)])
    .refine((items) => items.length >= min && items.length <= max, { error: expected })
  return {
    schema: schema as unknown as ValueKind<readonly T[]>['schema'],
    expected,
    type: 'list',
    emptyIsValue: min === 0
  }
}
