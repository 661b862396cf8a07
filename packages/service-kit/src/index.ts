// What it adds to the types of Fastify is part of the package: without this line its declarations do not mention it.
import './tracing/http-spans.ts'

export { createDrain, type Drain, type DrainableStream, type DrainOptions } from './drain.ts'
export { type DependencyReport, type HealthRoutesOptions, healthRoutes, type ReadyReport } from './health-routes.ts'
export { exceedsDepth } from './json-depth.ts'
export { createLogger, type LoggerOptions, type ServiceLogger } from './logger.ts'
export { type MetricsPluginOptions, metricsPlugin } from './metrics-plugin.ts'
export { RequestError, type RequestErrorOptions } from './request-error.ts'
export {
  type ListenOptions,
  type RunServiceOptions,
  runService,
  StartupError,
  tellProcessManager
} from './run-service.ts'
export { bodyOf, cutOff, type ResponseBody, replaceCertificate } from './secure-server.ts'
export { createServer, type Server, type ServerOptions } from './server.ts'
export { createSseWriter, type SseWriter, type SseWriterOptions } from './sse-writer.ts'
export { readAuthorities, readTls, type TlsFiles, type TlsMaterial } from './tls.ts'
export { createTracing, type TraceSampler, type TracingOptions } from './tracing/create-tracing.ts'
export {
  type AgentCall,
  agentCallAttributes,
  databaseAttributes,
  type ModelCall,
  type ModelUsage,
  modelCallAttributes,
  modelResultAttributes,
  toolCallAttributes
} from './tracing/gen-ai.ts'
export { isSampled, traceIdOf } from './tracing/traceparent.ts'
export {
  errorTypeOf,
  NO_TRACING,
  type Span,
  type SpanAttributes,
  type SpanCounts,
  type SpanOptions,
  type Tracing,
  traced
} from './tracing/tracing.ts'
