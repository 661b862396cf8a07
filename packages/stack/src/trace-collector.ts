import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** One span as it arrived. */
export interface CollectedSpan {
  traceId: string
  spanId: string
  /** Empty when the span has no parent. */
  parentSpanId: string
  name: string
  kind: 'internal' | 'server' | 'client' | 'other'
  /** `service.name` of the process that sent it. */
  service: string
  attributes: Record<string, unknown>
  resource: Record<string, unknown>
  failed: boolean
  durationMs: number
}

export interface TraceCollector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string
  /** What has arrived, at most the newest 20,000. */
  readonly spans: readonly CollectedSpan[]
  /** Headers of the newest request. */
  readonly headers: IncomingMessage['headers']
  /** Requests so far, whatever they were answered. */
  readonly requests: number
  /** 200: takes spans. Another status refuses them; `hang` never answers. */
  answer(how: number | 'hang'): void
  stop(): Promise<void>
}

interface OtlpValue {
  stringValue?: string
  intValue?: string | number
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: { values?: OtlpValue[] }
}
type OtlpAttributes = { key: string; value: OtlpValue }[]
interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  attributes?: OtlpAttributes
  status?: { code?: number }
  startTimeUnixNano: string
  endTimeUnixNano: string
}
interface OtlpRequest {
  resourceSpans: { resource?: { attributes?: OtlpAttributes }; scopeSpans: { spans: OtlpSpan[] }[] }[]
}

const KINDS = ['other', 'internal', 'server', 'client'] as const
const ERROR = 2
const MAX_SPANS = 20_000

/**
 * A receiver of traces by OTLP/HTTP with JSON on a free port of the loopback, which keeps what it gets.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export async function startTraceCollector(port = 0): Promise<TraceCollector> {
  const spans: CollectedSpan[] = []
  let answer: number | 'hang' = 200
  let headers: IncomingMessage['headers'] = {}
  let requests = 0

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests++
    headers = request.headers
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    if (answer === 'hang') return
    if (answer !== 200) return void response.writeHead(answer).end()
    const known = request.method === 'POST' && request.url === '/v1/traces'
    if (!known || request.headers['content-type'] !== 'application/json') return void response.writeHead(404).end()
    const body = Buffer.concat(pieces)
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    spans.push(...readSpans(JSON.parse(text.toString()) as OtlpRequest))
    if (spans.length > MAX_SPANS) spans.splice(0, spans.length - MAX_SPANS)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }

  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get headers() {
      return headers
    },
    get requests() {
      return requests
    },
    answer(how) {
      answer = how
    },
    async stop() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}

function readSpans({ resourceSpans }: OtlpRequest): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const about = readAttributes(resource?.attributes)
    return scopeSpans.flatMap((scope) => scope.spans.map((span) => readSpan(span, about)))
  })
}

function readSpan(span: OtlpSpan, resource: Record<string, unknown>): CollectedSpan {
  const { traceId, spanId, parentSpanId = '', name, kind, attributes, status } = span
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    kind: KINDS[kind] ?? 'other',
    service: String(resource['service.name']),
    attributes: readAttributes(attributes),
    resource,
    failed: status?.code === ERROR,
    durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6
  }
}

function readAttributes(attributes: OtlpAttributes = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, readValue(value)]))
}

function readValue({ stringValue, intValue, doubleValue, boolValue, arrayValue }: OtlpValue): unknown {
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(readValue)
  return stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue) : Number(intValue))
}
