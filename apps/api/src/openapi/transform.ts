import type { SwaggerTransform } from '@fastify/swagger'
import { errorEnvelopeSchema } from '@semibot/chat-protocol'
import type { FastifySchema } from 'fastify'
import { createJsonSchemaTransform } from 'fastify-type-provider-zod'
import { components } from './components.ts'
import { ROUTE_DOCS } from './route-docs.ts'

const ERRORS = { '4xx': errorEnvelopeSchema, '5xx': errorEnvelopeSchema }

/** What the routes without a schema of their own are. None of them needs an organisation. */
const OPERATIONS: Readonly<Record<string, string>> = {
  '/health': 'Whether the process lives',
  '/ready': 'Whether it may get requests, and the state of what it depends on'
}

const toJsonSchema = createJsonSchemaTransform({ schemaRegistry: components })

/** Turns a route's zod schemas into JSON Schema, and adds what the routes do not say themselves. */
export const transformRoute: SwaggerTransform = (document) => {
  const { url, route } = document
  const summary = OPERATIONS[url]
  if (summary !== undefined) {
    return { url, schema: { tags: ['operations'], summary, security: [] } }
  }
  if (!url.startsWith('/api/v1/')) return { url, schema: { hide: true } }

  const schema: FastifySchema = document.schema ?? {}
  const own = schema.response as Record<string, unknown> | undefined
  const docs = ROUTE_DOCS[`${route.method} ${url}`]
  const response = { ...own, ...docs?.response, ...ERRORS }
  const security = url.startsWith('/api/v1/runtime/') ? { security: [{ operator: [] }] } : {}
  return toJsonSchema({
    ...document,
    schema: { ...security, ...schema, ...docs, response } as FastifySchema & { hide: boolean }
  })
}
