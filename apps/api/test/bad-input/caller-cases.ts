import { makeJwt } from '../helpers/wrong-credentials.ts'
import type { BadInputCase, BadInputContext } from './case.ts'

const unknown = { status: 401, code: 'UNAUTHENTICATED' } as const

function as(authorization: string | ((context: BadInputContext) => string)): BadInputCase['request'] {
  return (context) => ({
    method: 'GET',
    path: '/api/v1/sessions',
    headers: { authorization: typeof authorization === 'string' ? authorization : authorization(context) }
  })
}

function asJwt(claims: () => object, options?: Parameters<typeof makeJwt>[1]): BadInputCase['request'] {
  return as(({ acme }) => `Bearer ${makeJwt({ sub: 'anna', orgId: acme.id, ...claims() }, options)}`)
}

const secondsFromNow = (seconds: number) => () => ({ exp: Math.floor(Date.now() / 1000) + seconds })

/** Callers who are not known, or may not do what they ask for. */
export const CALLER_CASES: readonly BadInputCase[] = [
  {
    what: 'No token',
    request: () => ({ method: 'GET', path: '/api/v1/sessions' }),
    ...unknown,
    message: 'Send an API key or a token in the header "Authorization: Bearer <token>".'
  },
  {
    what: 'Another scheme than Bearer',
    request: as('Basic YTpi'),
    ...unknown,
    message: 'The Authorization header must be "Bearer <token>".'
  },
  {
    what: 'A word instead of a token',
    request: as('Bearer secret'),
    ...unknown,
    message: 'The token is neither an API key (sb_...) nor a JSON Web Token.'
  },
  {
    what: 'A malformed API key',
    request: as('Bearer sb_x'),
    ...unknown,
    message: 'The API key is malformed: expected sb_<id>_<secret>.'
  },
  {
    what: 'A wrong API key',
    request: as(({ acme }) => `Bearer sb_${acme.member.id}_${'a'.repeat(64)}`),
    ...unknown,
    message: 'The API key is unknown or revoked.'
  },
  {
    what: 'An expired JWT',
    request: asJwt(secondsFromNow(-31)),
    ...unknown,
    message: 'The token has expired; get a new one.'
  },
  {
    what: 'A JWT with `alg: none`',
    request: asJwt(secondsFromNow(60), { header: { alg: 'none' } }),
    ...unknown,
    message: "The token's algorithm must be one of: HS256."
  },
  {
    what: 'A JWT with another secret',
    request: asJwt(secondsFromNow(60), { secret: 'x'.repeat(32) }),
    ...unknown,
    message: "The token's signature does not match."
  },
  {
    what: 'A JWT without `exp`',
    request: asJwt(() => ({})),
    ...unknown,
    message: `The token's claim "exp" is missing.`
  },
  {
    what: 'A JWT without an organisation',
    request: asJwt(() => ({ ...secondsFromNow(60)(), orgId: undefined })),
    ...unknown,
    message: `The token's claim "orgId" is not as expected: must be the id of an organisation.`
  },
  {
    what: 'A member changes an agent',
    request: ({ acme }) => ({
      method: 'PATCH',
      path: '/api/v1/agents/default',
      headers: { ...acme.member.headers, 'content-type': 'application/json' },
      body: '{"name":"x"}'
    }),
    status: 403,
    code: 'FORBIDDEN',
    message: 'Only an admin of the organisation may change agents.'
  }
]
