import { z } from 'zod'

/** Number of Unicode code points, without building an array of them. */
export function codePointLength(text: string): number {
  let length = text.length
  for (let index = 0; index < text.length - 1; index++) {
    const unit = text.charCodeAt(index)
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(index + 1)
      if (next >= 0xdc00 && next <= 0xdfff) {
        length--
        index++
      }
    }
  }
  return length
}

/**
 * Text that Postgres can store and every client can show: no NUL, no lone surrogate, and between
 * `min` and `max` Unicode code points long.
 */
export function safeText(min: number, max: number) {
  return z
    .string()
    .refine((text) => text.length <= max * 2 && codePointLength(text) <= max, `must be at most ${max} characters`)
    .refine((text) => text.trim().length >= min, min === 1 ? 'must not be empty' : `must be at least ${min} characters`)
    .refine((text) => !text.includes('\0'), 'must not contain the NUL character')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
}

/** A name or a reference that Postgres is asked for: not empty, at most `max` UTF-16 units, no NUL, no lone surrogate. */
export function shortText(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !text.includes('\0'), 'must not contain the NUL character')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
}
