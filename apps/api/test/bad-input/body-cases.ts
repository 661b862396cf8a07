import { type BadInputCase, type BadInputContext, chat } from './case.ts'

const invalid = { status: 400, code: 'VALIDATION_FAILED' } as const
const tooLarge = { status: 413, code: 'PAYLOAD_TOO_LARGE' } as const

const MAX_MESSAGE = 100_000
const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
const NOT_UTF8 = Buffer.concat([Buffer.from('{"message":"'), Buffer.from([0xff]), Buffer.from('"}')])

function chunked({ acme }: BadInputContext): Buffer {
  const size = 2 * 1024 * 1024
  const head = [
    'POST /api/v1/chat HTTP/1.1',
    'host: localhost',
    'connection: close',
    'content-type: application/json',
    `authorization: ${acme.member.headers.authorization}`,
    'transfer-encoding: chunked'
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0\r\n\r\n`)
}

/** Bodies that are no JSON, too large, hostile, or not of the expected shape. */
export const BODY_CASES: readonly BadInputCase[] = [
  {
    what: 'Malformed JSON',
    request: chat('{"message": "hi"'),
    ...invalid,
    message: 'The body is not valid JSON (position 16).'
  },
  {
    what: 'Empty body with a JSON content type',
    request: chat(''),
    ...invalid,
    message: 'body: Invalid input: expected object, received null.'
  },
  {
    what: 'JSON that is no object',
    request: chat('"hi"'),
    ...invalid,
    message: 'body: Invalid input: expected object, received string.'
  },
  {
    what: 'Another content type',
    request: chat('message=hi', { 'content-type': 'application/x-www-form-urlencoded' }),
    status: 415,
    code: 'VALIDATION_FAILED',
    message: 'The content type must be application/json.'
  },
  {
    what: 'A body over 1 MiB',
    request: chat({ message: 'x'.repeat(1024 * 1024) }),
    ...tooLarge,
    message: 'The body is larger than 1048576 bytes.'
  },
  {
    what: 'A body over 1 MiB, in chunks without a length',
    request: chunked,
    ...tooLarge,
    message: 'The body is larger than 1048576 bytes.'
  },
  {
    what: 'JSON nested deeper than 64 levels',
    request: chat(`{"message":${DEEP}}`),
    ...invalid,
    message: 'The body is nested deeper than 64 levels.'
  },
  { what: 'A body that is not UTF-8', request: chat(NOT_UTF8), ...invalid, message: 'The body is not valid UTF-8.' },
  {
    what: 'The key `__proto__`',
    request: chat('{"message":"hi","__proto__":{"admin":true}}'),
    ...invalid,
    message: 'The body must not hold the key __proto__.'
  },
  {
    what: 'The key `__proto__`, escaped',
    request: chat('{"message":"hi","\\u005f_proto__":{"admin":true}}'),
    ...invalid,
    message: 'The body must not hold the key __proto__.'
  },
  {
    what: 'The keys `constructor` and `prototype`',
    request: chat('{"message":"hi","constructor":{"prototype":{}}}'),
    ...invalid,
    message: 'The body must not hold the key constructor.'
  },
  {
    what: 'No `message`',
    request: chat({}),
    ...invalid,
    message: 'message: Invalid input: expected string, received undefined.'
  },
  {
    what: 'A `message` that is no text',
    request: chat({ message: 42 }),
    ...invalid,
    message: 'message: Invalid input: expected string, received number.'
  },
  {
    what: '`stream` that is neither true nor false',
    request: chat({ message: 'hi', stream: 'yes' }),
    ...invalid,
    message: 'stream: Invalid input: expected boolean, received string.'
  },
  {
    what: 'A field that does not exist',
    request: chat({ message: 'hi', mesage: 'hi' }),
    ...invalid,
    message: 'mesage: is not a known field.'
  },
  { what: 'An empty `message`', request: chat({ message: ' \n' }), ...invalid, message: 'message: must not be empty.' },
  {
    what: 'A `message` with a NUL character',
    request: chat({ message: 'a\0b' }),
    ...invalid,
    message: 'message: must not contain the NUL character.'
  },
  {
    what: 'A `message` with half of a surrogate pair',
    request: chat('{"message":"a\\ud800b"}'),
    ...invalid,
    message: 'message: must be well-formed Unicode.'
  },
  {
    what: 'A `message` of 100,001 characters',
    request: chat({ message: '🙂'.repeat(MAX_MESSAGE + 1) }),
    ...invalid,
    message: 'message: must be at most 100000 characters.'
  },
  {
    what: 'A `message` of 100,000 characters',
    request: chat({ message: '话'.repeat(MAX_MESSAGE), stream: false }),
    status: 200,
    message: 'accepted, however many bytes it has'
  },
  {
    what: 'A `message` with CR and LF',
    request: chat({ message: 'hi\r\n\r\nevent: execution.completed\r\ndata: {}\r\n\r\n', stream: false }),
    status: 200,
    message: 'stored and sent as it is; it cannot make an event of its own'
  }
]
