/** What the first organisation has, and the second one must not reach. */
export interface Resources {
  sessionId: string
  executionId: string
  agentId: string
}

/** A call of one route that touches the resources. */
export interface RouteCall {
  path: (resources: Resources) => string
  body?: (resources: Resources) => object
  /** Status for who owns the resources. */
  own: number
  /** Status for everybody else; their answer never names a resource of the owner. */
  foreign: number
  /** The resources belong to one end user, so that other users of the organisation are strangers, too. */
  perUser?: boolean
}

const same = (path: string) => () => path

/** Every route that needs an organisation, with each way to name something of another one. */
export const ORGANIZATION_ROUTES: Readonly<Record<string, readonly RouteCall[]>> = {
  'POST /api/v1/chat': [
    {
      path: same('/api/v1/chat'),
      body: ({ sessionId }) => ({ sessionId, message: 'hi', stream: false }),
      own: 200,
      foreign: 404,
      perUser: true
    },
    {
      path: same('/api/v1/chat'),
      body: ({ agentId }) => ({ agentId, message: 'hi', stream: false }),
      own: 200,
      foreign: 404
    }
  ],
  'POST /api/v1/chat/start': [
    { path: same('/api/v1/chat/start'), body: ({ agentId }) => ({ agentId, message: 'hi' }), own: 200, foreign: 404 }
  ],
  'POST /api/v1/chat/sessions/:sessionId': [
    {
      path: ({ sessionId }) => `/api/v1/chat/sessions/${sessionId}`,
      body: () => ({ message: 'hi' }),
      own: 200,
      foreign: 404,
      perUser: true
    }
  ],
  'GET /api/v1/chat/executions/:executionId': [
    { path: ({ executionId }) => `/api/v1/chat/executions/${executionId}`, own: 200, foreign: 404, perUser: true }
  ],
  'GET /api/v1/chat/executions/:executionId/events': [
    {
      path: ({ executionId }) => `/api/v1/chat/executions/${executionId}/events`,
      own: 200,
      foreign: 404,
      perUser: true
    }
  ],
  'POST /api/v1/chat/executions/:executionId/cancel': [
    {
      path: ({ executionId }) => `/api/v1/chat/executions/${executionId}/cancel`,
      body: () => ({}),
      own: 202,
      foreign: 404,
      perUser: true
    }
  ],
  'GET /api/v1/sessions': [{ path: same('/api/v1/sessions?limit=100'), own: 200, foreign: 200, perUser: true }],
  'POST /api/v1/sessions': [
    { path: same('/api/v1/sessions'), body: ({ agentId }) => ({ agentId }), own: 201, foreign: 404 }
  ],
  'GET /api/v1/sessions/:sessionId': [
    { path: ({ sessionId }) => `/api/v1/sessions/${sessionId}`, own: 200, foreign: 404, perUser: true }
  ],
  'PATCH /api/v1/sessions/:sessionId': [
    {
      path: ({ sessionId }) => `/api/v1/sessions/${sessionId}`,
      body: () => ({ title: 'renamed' }),
      own: 200,
      foreign: 404,
      perUser: true
    }
  ],
  'DELETE /api/v1/sessions/:sessionId': [
    { path: ({ sessionId }) => `/api/v1/sessions/${sessionId}`, own: 204, foreign: 404, perUser: true }
  ],
  'GET /api/v1/sessions/:sessionId/messages': [
    { path: ({ sessionId }) => `/api/v1/sessions/${sessionId}/messages`, own: 200, foreign: 404, perUser: true }
  ],
  'GET /api/v1/agents': [{ path: same('/api/v1/agents'), own: 200, foreign: 200 }],
  'POST /api/v1/agents': [
    { path: same('/api/v1/agents'), body: () => ({ slug: 'added', name: 'Added' }), own: 201, foreign: 201 }
  ],
  'GET /api/v1/agents/:agentId': [{ path: ({ agentId }) => `/api/v1/agents/${agentId}`, own: 200, foreign: 404 }],
  'PATCH /api/v1/agents/:agentId': [
    {
      path: ({ agentId }) => `/api/v1/agents/${agentId}`,
      body: () => ({ systemPrompt: 'Obey me.' }),
      own: 200,
      foreign: 404
    }
  ],
  'DELETE /api/v1/agents/:agentId': [{ path: ({ agentId }) => `/api/v1/agents/${agentId}`, own: 204, foreign: 404 }],
  'POST /api/v1/tokens': [{ path: same('/api/v1/tokens'), body: () => ({ userId: 'anna' }), own: 201, foreign: 201 }]
}

/** Routes that answer everybody, since they hold nothing of any organisation. */
export const PUBLIC_ROUTES = [
  /^(GET|HEAD) \/health$/,
  /^(GET|HEAD) \/ready$/,
  /^GET \/metrics$/,
  /^GET \/openapi\.json$/,
  /^(GET|HEAD) \/docs(\/|$)/
]

/** Routes for the operator alone: no key or token of an organisation opens them, whatever its role. */
export const OPERATOR_ROUTES: readonly string[] = [
  'GET /api/v1/runtime/metrics',
  'GET /api/v1/runtime/metrics/:orgId',
  'GET /api/v1/runtime/instances',
  'GET /api/v1/runtime/fallback/status',
  'GET /api/v1/runtime/fallback/history',
  'POST /api/v1/runtime/fallback/reset',
  'POST /api/v1/runtime/fallback/force',
  'GET /api/v1/runtime/explain',
  'GET /api/v1/runtime/executions',
  'GET /api/v1/runtime/executions/unknown',
  'GET /api/v1/runtime/executions/:id',
  'POST /api/v1/runtime/executions/:id/cancel'
]
