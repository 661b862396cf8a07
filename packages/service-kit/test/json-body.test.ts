import t from 'tap'
import { RequestError } from '../src/index.ts'
import { parseJsonBody } from '../src/json-body.ts'

const nested = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth)

const GOOD: [string, string, unknown][] = [
  ['an object', '{"message":"你好"}', { message: '你好' }],
  ['any JSON value', ' 12.5 ', 12.5],
  ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
  [
    'brackets inside strings',
    `{"a":"${'['.repeat(500)}\\"${'{'.repeat(500)}\\\\"}`,
    { a: `${'['.repeat(500)}"${'{'.repeat(500)}\\` }
  ],
  ['siblings do not add up', `[${Array(500).fill('{}').join(',')}]`, Array(500).fill({})],
  [
    'words that only look dangerous',
    '{"m":"__proto__ and constructor.prototype"}',
    { m: '__proto__ and constructor.prototype' }
  ],
  ['a plain key constructor', '{"constructor":"builder"}', { constructor: 'builder' }],
  ['a constructor object without prototype', '{"constructor":{"name":"x"}}', { constructor: { name: 'x' } }],
  ['escaped text', '{"m":"\\u4f60"}', { m: '你' }]
]

t.test('good bodies come out as they are', (t) => {
  for (const [name, text, value] of GOOD)
    t.equal(JSON.stringify(parseJsonBody(Buffer.from(text))), JSON.stringify(value), name)
  t.equal(parseJsonBody(Buffer.alloc(0)), undefined, 'an empty body is no value')
  t.doesNotThrow(() => parseJsonBody(Buffer.from(nested(64, '[', ']'))), '64 levels')
  t.doesNotThrow(() => parseJsonBody(Buffer.from(`${'{"a":'.repeat(63)}[]${'}'.repeat(63)}`)), '64 levels, mixed')
  t.end()
})

const BAD: [string, string | Buffer, RegExp][] = [
  ['cut off', '{"a":', /^The body is not valid JSON/],
  ['a place is told', '{"a" 1}', /^The body is not valid JSON \(position 5\)\.$/],
  ['text around the mistake is not quoted', '{"secret": hunter2}', /^The body is not valid JSON( \(position 11\))?\.$/],
  ['only white space', '  ', /not valid JSON/],
  ['65 levels of arrays', nested(65, '[', ']'), /nested deeper than 64 levels/],
  ['a depth bomb', '['.repeat(500_000), /nested deeper than 64 levels/],
  ['a depth bomb of objects', '{"a":'.repeat(100_000), /nested deeper than 64 levels/],
  ['a bomb after an escaped quote', `["\\"",${'['.repeat(65)}`, /nested deeper/],
  ['a bomb after an even number of backslashes', `["\\\\",${'['.repeat(65)}`, /nested deeper/],
  ['a string that never ends', `"${'['.repeat(1000)}`, /not valid JSON/],
  ['__proto__', '{"__proto__":{"admin":true}}', /must not hold the key __proto__/],
  ['__proto__, escaped', '{"\\u005f_proto_\\u005F":{"admin":true}}', /must not hold the key __proto__/],
  ['__proto__, deep', '{"a":[1,{"b":{"__proto__":1}}]}', /must not hold the key __proto__/],
  ['constructor.prototype', '{"constructor":{"prototype":{"admin":true}}}', /must not hold the key constructor/],
  ['constructor.prototype, escaped', '{"c\\u006fnstructor":{"prototype":1}}', /must not hold the key constructor/],
  ['a lone continuation byte', Buffer.from([0x22, 0x80, 0x22]), /not valid UTF-8/],
  ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), /not valid UTF-8/],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /not valid UTF-8/],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), /not valid JSON/]
]

t.test('bad bodies are refused with a reason and without their contents', (t) => {
  for (const [name, body, message] of BAD) {
    try {
      parseJsonBody(Buffer.from(body as string))
      t.fail(`${name} was accepted`)
    } catch (error) {
      t.type(error, RequestError, name)
      t.match((error as RequestError).message, message, name)
      t.match(error, { code: 'VALIDATION_FAILED', statusCode: 400 }, name)
      t.notMatch((error as RequestError).message, /hunter2/)
    }
  }
  t.notOk(({} as { admin?: boolean }).admin)
  t.end()
})

t.test('a string of a megabyte of quotes and backslashes costs linear time', (t) => {
  const body = Buffer.from(JSON.stringify({ m: '\\"'.repeat(250_000) }))
  const started = process.cpuUsage()
  parseJsonBody(body)
  const { user, system } = process.cpuUsage(started)
  t.ok(user + system < 1_000_000, `${user + system} us of CPU for ${body.length} bytes`)
  t.end()
})
