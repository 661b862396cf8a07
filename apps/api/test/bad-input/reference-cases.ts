import { type BadInputCase, chat, get, UNKNOWN_ID } from './case.ts'

const invalid = { status: 400, code: 'VALIDATION_FAILED' } as const
const notFound = { status: 404, code: 'NOT_FOUND' } as const

/** Things that are not there, headers and parameters that are not as expected, and what is no request at all. */
export const REFERENCE_CASES: readonly BadInputCase[] = [
  {
    what: 'A `sessionId` that is no UUID',
    request: chat({ message: 'hi', sessionId: '1 or 1=1' }),
    ...invalid,
    message: 'sessionId: Invalid UUID.'
  },
  {
    what: 'An unknown session',
    request: chat({ message: 'hi', sessionId: UNKNOWN_ID }),
    ...notFound,
    message: 'There is no such session; leave sessionId out to begin a new one.'
  },
  {
    what: "Another organisation's session",
    request: (context) => chat({ message: 'hi', sessionId: context.foreignSessionId })(context),
    ...notFound,
    message: 'There is no such session; leave sessionId out to begin a new one.'
  },
  {
    what: 'An unknown agent',
    request: chat({ message: 'hi', agentId: 'nobody' }),
    ...notFound,
    message: 'There is no agent with this id or slug; GET /api/v1/agents lists them.'
  },
  {
    what: 'An `agentId` with a NUL character',
    request: chat({ message: 'hi', agentId: 'a\0' }),
    ...invalid,
    message: 'agentId: must not contain the NUL character.'
  },
  {
    what: 'An agent in the path with a NUL character',
    request: get('/api/v1/agents/a%00'),
    ...invalid,
    message: 'params.agentId: must not contain the NUL character.'
  },
  {
    what: 'A `clientMessageId` with a NUL character',
    request: chat({ message: 'hi', clientMessageId: 'a\0' }),
    ...invalid,
    message: 'clientMessageId: must not contain the NUL character.'
  },
  {
    what: 'A `clientMessageId` with half a character',
    request: chat('{"message":"hi","clientMessageId":"\\ud800"}'),
    ...invalid,
    message: 'clientMessageId: must be well-formed Unicode.'
  },
  {
    what: 'An unknown model',
    request: chat({ message: 'hi', model: 'nothing' }),
    ...invalid,
    message: 'model must be one of: simulator.'
  },
  {
    what: 'An `Idempotency-Key` of 256 characters',
    request: chat({ message: 'hi' }, { 'idempotency-key': 'x'.repeat(256) }),
    ...invalid,
    message: 'Idempotency-Key must be 1 to 255 printable ASCII characters.'
  },
  {
    what: 'An `x-user-id` with a space',
    request: chat({ message: 'hi' }, { 'x-user-id': 'a b' }),
    ...invalid,
    message: 'x-user-id must be 1 to 128 printable ASCII characters.'
  },
  {
    what: 'An unknown execution',
    request: get(`/api/v1/chat/executions/${UNKNOWN_ID}`),
    ...notFound,
    message: 'There is no such execution.'
  },
  {
    what: 'A `Last-Event-ID` that is no number',
    request: get(`/api/v1/chat/executions/${UNKNOWN_ID}/events`, { 'last-event-id': 'x' }),
    ...invalid,
    message: 'Last-Event-ID must be the number of an event of this execution.'
  },
  {
    what: 'A `cursor` of no list',
    request: get('/api/v1/sessions?cursor=x'),
    ...invalid,
    message: 'cursor must be the nextCursor of an earlier page of this list.'
  },
  {
    what: 'A `limit` over 100',
    request: get('/api/v1/sessions?limit=101'),
    ...invalid,
    message: 'query.limit: Too big: expected number to be <=100.'
  },
  {
    what: 'An unknown path',
    request: get('/api/v1/nothing'),
    ...notFound,
    message: 'There is no GET /api/v1/nothing.'
  },
  {
    what: 'A path that is not well formed',
    request: get('/api/v1/sessions/%zz'),
    ...invalid,
    message: 'The URL is not valid.'
  },
  {
    what: 'Something that is no HTTP',
    request: () => Buffer.from('HELLO\r\n\r\n'),
    ...invalid,
    message: 'This is not a valid HTTP request.'
  }
]
