import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace'
import type { TracingOptions } from './create-tracing.ts'
import type { SpanCounts } from './tracing.ts'

export interface BatchExport {
  processor: SpanProcessor
  counts(): SpanCounts
}

const MAX_WAITING = 2048
const MAX_BATCH = 512
const DELAY_MS = 5000
const SUCCESS = 0
const SAMPLED = 1

/**
 * Gathers ended spans and sends them in batches, one at a time and behind everybody's back. What cannot wait is
 * dropped and counted: a collector that is gone costs memory for `maxWaiting` spans and nothing else.
 */
export function createBatchExport(
  exporter: SpanExporter,
  {
    onCollector,
    delayMs = DELAY_MS,
    maxWaiting = MAX_WAITING
  }: Pick<TracingOptions, 'onCollector' | 'delayMs' | 'maxWaiting'>
): BatchExport {
  const counts: SpanCounts = { exported: 0, failed: 0, dropped: 0 }
  let waiting = 0
  let inTrouble = false
  const batches = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        waiting -= spans.length
        exporter.export(spans, (result) => {
          const taken = result.code === SUCCESS
          counts[taken ? 'exported' : 'failed'] += spans.length
          if (taken === inTrouble) {
            inTrouble = !taken
            onCollector?.(taken ? null : (result.error ?? new Error('the collector refused the spans')))
          }
          done(result)
        })
      },
      shutdown: () => exporter.shutdown()
    },
    maxQueueSize: maxWaiting,
    maxExportBatchSize: Math.min(MAX_BATCH, maxWaiting),
    scheduledDelayMillis: delayMs
  })
  return {
    counts: () => ({ ...counts }),
    processor: {
      onStart: (span, context) => batches.onStart(span, context),
      onEnd(span) {
        if ((span.spanContext().traceFlags & SAMPLED) === 0) return
        // The processor would drop it as well, but tells nobody.
        if (waiting >= maxWaiting) {
          counts.dropped++
          return
        }
        waiting++
        batches.onEnd(span)
      },
      forceFlush: () => batches.forceFlush(),
      shutdown: () => batches.shutdown()
    }
  }
}
