import { bearer } from '../helpers/bearer.ts'
import { ADMIN_TOKEN } from '../helpers/test-env.ts'
import { type BadInputCase, UNKNOWN_ID } from './case.ts'

const invalid = { status: 400, code: 'VALIDATION_FAILED' } as const

/** A call of the operator; `path` is under /api/v1/runtime. */
function operator(path: string, body?: object, headers: Record<string, string> = {}): BadInputCase['request'] {
  return () => ({
    method: path.startsWith('/fallback/') && !path.includes('history') ? 'POST' : 'GET',
    path: `/api/v1/runtime${path}`,
    headers: {
      ...bearer(ADMIN_TOKEN),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
}

/** What an operator may get wrong. None of it changes whether chats fall back. */
export const OPERATOR_CASES: readonly BadInputCase[] = [
  {
    what: 'A wrong `ADMIN_TOKEN`',
    request: operator('/metrics', undefined, bearer('wrong')),
    status: 401,
    code: 'UNAUTHENTICATED',
    message: 'This needs the operator token (ADMIN_TOKEN).'
  },
  {
    what: 'The key of an admin of an organisation instead of it',
    request: ({ acme }) => ({ method: 'GET', path: '/api/v1/runtime/metrics', headers: acme.admin.headers }),
    status: 401,
    code: 'UNAUTHENTICATED',
    message: 'This needs the operator token (ADMIN_TOKEN).'
  },
  {
    what: 'Figures of an unknown organisation',
    request: operator('/metrics/nobody'),
    status: 404,
    code: 'NOT_FOUND',
    message: 'There is no organisation with this id or slug; `semibot orgs list` lists them.'
  },
  {
    what: 'A force without a body',
    request: operator('/fallback/force'),
    ...invalid,
    message: 'body: Invalid input: expected object, received null.'
  },
  {
    what: 'A force with an unknown `mode`',
    request: operator('/fallback/force', { mode: 'on', reason: 'drill' }),
    ...invalid,
    message: 'mode: Invalid option: expected one of "open"|"closed"|"auto".'
  },
  {
    what: 'A force that does not say why',
    request: operator('/fallback/force', { mode: 'open' }),
    ...invalid,
    message: 'reason: say why, in 1 to 200 characters.'
  },
  {
    what: 'A force for longer than a day',
    request: operator('/fallback/force', { mode: 'open', reason: 'drill', expiresInSeconds: 86_401 }),
    ...invalid,
    message: 'expiresInSeconds: Too big: expected number to be <=86400.'
  },
  {
    what: 'A reset with a field',
    request: operator('/fallback/reset', { mode: 'open' }),
    ...invalid,
    message: 'mode: is not a known field.'
  },
  {
    what: 'An `x-actor` of two words',
    request: operator('/fallback/reset', undefined, { 'x-actor': 'two words' }),
    ...invalid,
    message: 'x-actor must be 1 to 64 characters of _.@+-, A-Z, a-z and 0-9.'
  },
  {
    what: "Another list's `cursor` for the history",
    request: operator('/fallback/history?cursor=x'),
    ...invalid,
    message: 'cursor must be the nextCursor of an earlier page of this list.'
  },
  {
    what: 'An explanation without a session',
    request: operator('/explain?orgId=acme'),
    ...invalid,
    message: 'query.sessionId: Invalid input: expected string, received undefined.'
  },
  {
    what: 'An explanation for an unknown organisation',
    request: operator(`/explain?orgId=nobody&sessionId=${UNKNOWN_ID}`),
    status: 404,
    code: 'NOT_FOUND',
    message: 'There is no organisation with this id or slug; `semibot orgs list` lists them.'
  }
]
