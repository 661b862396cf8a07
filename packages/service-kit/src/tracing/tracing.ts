import { traceparentOf } from './traceparent.ts'

export type SpanAttributes = Record<string, string | number | boolean | string[] | undefined>

export interface SpanOptions {
  /** `server`: answers a call from outside; `client`: makes one. Default: internal. */
  kind?: 'server' | 'client' | 'internal'
  attributes?: SpanAttributes
}

/** One piece of work. The context is handed on by its traceparent, never by a global. */
export interface Span {
  /** W3C trace context under which further work belongs to this span. */
  readonly traceparent: string
  /** Values that are undefined are left out. Nothing that a person wrote, and no secret, may be among them. */
  set(attributes: SpanAttributes): void
  /** Marks the span as failed. `type`: a code or a class name, from a small set. */
  fail(type: string): void
  /** Later calls do nothing. */
  end(): void
}

/** What became of the spans that ended, since the start of the process. */
export interface SpanCounts {
  exported: number
  /** The collector did not take them. */
  failed: number
  /** The queue was full. */
  dropped: number
}

export interface Tracing {
  /** False: nothing is recorded, and spans only hand their parent's context on. */
  readonly enabled: boolean
  /** Begins a span under a context; without one it begins a new trace. */
  start(name: string, parent: string | undefined, options?: SpanOptions): Span
  counts(): SpanCounts
  /** Sends what is left, for at most 2 s; never rejects. */
  close(): Promise<void>
}

class PassingSpan implements Span {
  readonly traceparent: string

  constructor(traceparent: string) {
    this.traceparent = traceparent
  }

  set(): void {}

  fail(): void {}

  end(): void {}
}

/** No tracing at all. */
export const NO_TRACING: Tracing = {
  enabled: false,
  start: (_name, parent) => new PassingSpan(parent ?? traceparentOf(undefined)),
  counts: () => ({ exported: 0, failed: 0, dropped: 0 }),
  close: async () => {}
}

/** Runs `work` in a span of its own; a rejection marks the span as failed with what `typeOf` makes of the error. */
export async function traced<T>(
  tracing: Tracing,
  name: string,
  parent: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
  typeOf: (error: unknown) => string = errorTypeOf
): Promise<T> {
  const span = tracing.start(name, parent, options)
  try {
    return await work(span)
  } catch (error) {
    span.fail(typeOf(error))
    throw error
  } finally {
    span.end()
  }
}

/** `error.type` of an error: its code where it has one, else its class. */
export function errorTypeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  if (typeof code === 'string' && code !== '') return code
  return typeof name === 'string' && name !== '' ? name : '_OTHER'
}
