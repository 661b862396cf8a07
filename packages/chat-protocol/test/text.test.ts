import fc from 'fast-check'
import t from 'tap'
import { codePointLength, LIMITS, safeText, shortText } from '../src/index.ts'

t.test('codePointLength counts as Array.from does', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => codePointLength(text) === Array.from(text).length))
  const halves = fc.array(fc.constantFrom('a', '\ud83d', '\ude00', '你'), { maxLength: 8 })
  fc.assert(fc.property(halves, (parts) => codePointLength(parts.join('')) === Array.from(parts.join('')).length))
  t.equal(codePointLength('a😀你'), 3)
})

t.test('safeText takes texts up to its limit and says what is wrong with the others', async (t) => {
  const schema = safeText(1, 5)
  for (const good of ['a', '你好', '😀😀😀😀😀', ' a ', 'a\r\nb', '\u202eabc']) {
    t.equal(schema.safeParse(good).success, true, JSON.stringify(good))
  }
  const bad: [unknown, RegExp][] = [
    ['', /must not be empty/],
    [' \n ', /must not be empty/],
    ['abcdef', /at most 5 characters/],
    ['😀😀😀😀😀😀', /at most 5 characters/],
    ['a\0b', /NUL/],
    ['a\ud83d', /well-formed/],
    [5, /string/]
  ]
  for (const [value, message] of bad) {
    const result = schema.safeParse(value)
    t.equal(result.success, false, JSON.stringify(value))
    t.match(result.error?.issues.map((issue) => issue.message).join('; '), message)
  }
  t.equal(safeText(0, 5).safeParse('').success, true)
  t.match(safeText(2, 5).safeParse('a').error?.issues[0]?.message, /at least 2/)
})

t.test('a message of exactly the limit passes, of one code point more it does not', async (t) => {
  const schema = safeText(1, LIMITS.messageCodePoints)
  t.equal(schema.safeParse('😀'.repeat(LIMITS.messageCodePoints)).success, true)
  t.equal(schema.safeParse('😀'.repeat(LIMITS.messageCodePoints + 1)).success, false)
})

t.test('shortText takes what Postgres can be asked for', async (t) => {
  const schema = shortText(3)
  for (const good of ['a', '你好', 'a b']) t.equal(schema.safeParse(good).success, true, JSON.stringify(good))
  const bad: [unknown, RegExp][] = [
    ['', /too small/i],
    ['abcd', /too big/i],
    ['a\0', /NUL/],
    ['\udc00', /well-formed/],
    [null, /string/]
  ]
  for (const [value, message] of bad) {
    t.match(schema.safeParse(value).error?.issues[0]?.message, message, JSON.stringify(value))
  }
})
