import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { components } from './components.ts'
import { errorTable } from './error-table.ts'
import { transformRoute } from './transform.ts'

export interface OpenApiOptions {
  version: string
}

const DESCRIPTION = `Chat over one API, answered either by a model directly or by an agent runtime.

Organisations send an API key (\`sb_...\`) or a JSON Web Token as a bearer token; services name the end user in
\`x-user-id\`. Every answer has the header \`x-request-id\`. An error is \`{"success": false, "error": {"code",
"message", "requestId"}}\`; 429 and 503 say in \`Retry-After\` when to try again.

${errorTable()}`

/** The page may load what this server serves, and nothing else. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

/**
 * `/openapi.json`, made from the same schemas that check the requests, and a page for people at `/docs`.
 * Register it before the routes that it describes.
 */
export const openApiPlugin = fp<OpenApiOptions>(
  async (app, { version }) => {
    await app.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Semibot', version, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
        components: {
          securitySchemes: {
            organisation: { type: 'http', scheme: 'bearer', description: 'API key or JSON Web Token' },
            operator: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN' }
          }
        },
        security: [{ organisation: [] }]
      },
      transform: transformRoute,
      transformObject: createJsonSchemaTransformObject({ schemaRegistry: components })
    })

    app.get('/openapi.json', async () => app.swagger())

    await app.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      staticCSP: PAGE_POLICY,
      theme: { title: 'Semibot API' },
      uiConfig: { docExpansion: 'list', deepLinking: true, validatorUrl: null }
    })
  },
  { name: 'openapi' }
)
