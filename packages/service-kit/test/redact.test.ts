import t from 'tap'
import { errorFields, redactFields, scrubText } from '../src/redact.ts'

t.test('values under secret names are replaced in any depth and spelling', (t) => {
  const clean = redactFields({
    authorization: 'Bearer abc',
    request: {
      headers: { Authorization: 'x', cookie: 'a=b', 'set-cookie': ['c'], 'x-api-key': 'k', accept: '*/*' },
      body: [{ role: 'user', content: 'private words' }]
    },
    api_key: 'k',
    apiKey: 'k',
    accessToken: 't',
    ADMIN_TOKEN: 't',
    password: 'p',
    dbPassword: 'p',
    jwtSecret: 's',
    token: null
  })
  const text = JSON.stringify(clean)
  for (const secret of ['Bearer', 'a=b', '"c"', '"k"', '"t"', '"p"', '"s"', 'private'])
    t.notOk(text.includes(secret), secret)
  t.match(clean, { request: { headers: { accept: '*/*' }, body: [{ role: 'user' }] }, token: '[redacted]' })
  t.end()
})

t.test('everything else stays as it is', (t) => {
  const fields = { tokens: 12, inputTokens: 3, tokenizer: 'x', contentType: 'y', contents: 1, n: null, u: undefined }
  t.equal(redactFields(fields), fields, 'the same object when nothing had to change')
  const date = new Date(0)
  t.strictSame(redactFields({ date, nested: { a: [1, { b: 2 }] } }), { date, nested: { a: [1, { b: 2 }] } })
  t.end()
})

t.test('long strings are cut', (t) => {
  const { text } = redactFields({ text: 'x'.repeat(100_000) }) as { text: string }
  t.ok(text.length < 8300)
  t.match(text, /\[\.\.\. 91808 more\]$/)
  t.end()
})

t.test('endless structures end', (t) => {
  const ring: Record<string, unknown> = {}
  ring.ring = ring
  t.doesNotThrow(() => redactFields({ ring }))
  const error: Error = new Error('around')
  error.cause = error
  t.doesNotThrow(() => errorFields(error))
  t.end()
})

t.test('of an error only known parts are written', (t) => {
  const error = Object.assign(new TypeError('outer'), {
    code: 'ECONNREFUSED',
    options: { headers: { authorization: 'Bearer abc' } }
  })
  error.cause = new Error('connect to postgres://semibot:hunter2@db:5432 failed')
  const fields = errorFields(error) as Record<string, unknown>
  t.strictSame(Object.keys(fields), ['type', 'message', 'code', 'stack', 'cause'])
  t.match(fields, { type: 'TypeError', message: 'outer', code: 'ECONNREFUSED' })
  t.notMatch(JSON.stringify(fields), /hunter2|abc/)
  t.match(redactFields({ failure: error }), { failure: { message: 'outer' } }, 'under any name')
  t.equal(errorFields('just text'), 'just text')
  t.equal(errorFields(undefined), 'undefined')
  t.end()
})

const TEXTS: [string, string][] = [
  ['Authorization: Bearer eyJhbGciOi.x-y_z', 'Authorization: Bearer [redacted]'],
  ['key sb_0198a2_Zm9vYmFyYmF6 refused', 'key [redacted] refused'],
  ['key sk-proj-abcdefgh123 refused', 'key [redacted] refused'],
  ['redis://:hunter2@127.0.0.1:6379/0', 'redis://:[redacted]@127.0.0.1:6379/0'],
  ['上游错误: 超时', '上游错误  超时'],
  ['skip and sbx stay', 'skip and sbx stay']
]

t.test('foreign text is made fit for a log line', (t) => {
  for (const [text, expected] of TEXTS) t.equal(scrubText(text), expected)
  t.end()
})
