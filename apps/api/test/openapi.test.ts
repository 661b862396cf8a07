import { chatEventBodySchema } from '@semibot/chat-protocol'
import t from 'tap'
import { buildTestApp } from './helpers/build-test-app.ts'
import { collectRoutes } from './helpers/collect-routes.ts'

type Json = { [key: string]: Json } & { $ref?: string; oneOf?: Json[]; allOf?: Json[]; const?: string }

/** Served for people and machines, but not part of the API. */
const NOT_DESCRIBED = /^(GET|HEAD) \/(docs|metrics|openapi\.json)(\/|$)/

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) =>
    key === '$ref' && typeof child === 'string' ? [child] : refsIn(child)
  )
}

t.test('the document', async (t) => {
  const { result, routes } = await collectRoutes(() => buildTestApp(t))
  const { app } = result
  const answer = await app.inject('/openapi.json')
  const document = answer.json()
  const paths = document.paths as Record<string, Record<string, Json>>

  await t.test('is OpenAPI 3.1, open to everybody', async (t) => {
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], /^application\/json/)
    t.match(document, { openapi: /^3\.1\./, info: { title: 'Semibot', version: '0.0.0-test' } })
  })

  await t.test('describes every route, with a summary and its errors', async (t) => {
    for (const route of routes) {
      const [method = '', url = ''] = route.split(' ')
      if (NOT_DESCRIBED.test(route) || method === 'HEAD') continue
      const path = url.replace(/:(\w+)/g, '{$1}')
      const operation = paths[path]?.[method.toLowerCase()]
      t.ok(operation, route)
      t.type(operation?.summary, 'string', `${route} has a summary`)
      if (!url.startsWith('/api/')) continue
      t.same(operation?.responses?.['4XX']?.content?.['application/json']?.schema, {
        $ref: '#/components/schemas/Error'
      })
    }
  })

  await t.test('refers only to what is there', async (t) => {
    const refs = new Set(refsIn(document))
    t.ok(refs.size > 5)
    for (const ref of refs) {
      const name = ref.replace('#/components/schemas/', '')
      t.ok(document.components.schemas[name], ref)
    }
  })

  await t.test('names the union of chat events, complete', async (t) => {
    const { ChatEvent } = document.components.schemas
    const union: Json[] = ChatEvent.allOf.find((part: Json) => part.oneOf !== undefined).oneOf
    const described = union.map((event) => event.properties?.type?.const)
    const known = chatEventBodySchema.options.map((option) => option.shape.type.value)
    t.same(described, known)
    const place = ChatEvent.allOf.find((part: Json) => part.oneOf === undefined)
    t.same(Object.keys(place.properties), ['seq', 'ts'])
  })

  await t.test('says which routes stream, and what', async (t) => {
    const chat = paths['/api/v1/chat']?.post?.responses?.['200']?.content
    t.same(chat?.['text/event-stream']?.schema, { $ref: '#/components/schemas/ChatEvent' })
    t.ok(chat?.['application/json'])
    const parameters = paths['/api/v1/chat']?.post?.parameters as unknown as { name: string; in: string }[]
    t.match(parameters, [{ name: 'idempotency-key', in: 'header' }])
    const events = paths['/api/v1/chat/executions/{executionId}/events']?.get?.responses?.['200']?.content
    t.same(Object.keys(events ?? {}), ['text/event-stream'])
    for (const path of ['/api/v1/chat/start', '/api/v1/chat/sessions/{sessionId}']) {
      t.same(Object.keys(paths[path]?.post?.responses?.['200']?.content ?? {}), ['text/event-stream'], path)
    }
  })

  await t.test('says who may call what', async (t) => {
    t.same(document.security, [{ organisation: [] }])
    t.same(paths['/health']?.get?.security, [])
    for (const [path, operations] of Object.entries(paths)) {
      if (!path.startsWith('/api/v1/runtime')) continue
      for (const operation of Object.values(operations)) t.same(operation.security, [{ operator: [] }], path)
    }
  })
})

t.test('the page for people', async (t) => {
  const { app } = await buildTestApp(t)

  await t.test('is served with everything it loads, and may load nothing else', async (t) => {
    for (const url of ['/docs', '/docs/']) {
      const page = await app.inject(url)
      t.equal(page.statusCode, 200)
      t.match(page.headers['content-type'], /^text\/html/)
      t.match(page.headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self'/)
      t.notMatch(page.headers['content-security-policy'], /unsafe|https?:/)
      t.notMatch(
        page.body,
        /<script(?![^>]*\bsrc=)|<style|style=|https?:\/\//,
        'no inline code, nothing from elsewhere'
      )
    }
    const page = await app.inject('/docs/')
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
    t.ok(assets.length >= 6)
    for (const asset of assets) {
      const answer = await app.inject(new URL(asset, 'http://localhost/docs/').pathname)
      t.equal(answer.statusCode, 200, asset)
    }
  })

  await t.test('nothing outside of its folder is served', async (t) => {
    for (const path of ['/docs/static/../package.json', '/docs/static/..%2f..%2fpackage.json', '/docs/package.json']) {
      t.equal((await app.inject(path)).statusCode, 404, path)
    }
  })
})
