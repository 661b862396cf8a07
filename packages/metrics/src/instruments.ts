import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client'
import type { LabelValues, MetricDefinition, MetricType } from './names.ts'

type Labels = Record<string, LabelValues>

export interface GaugeOptions<Names extends string> {
  /** Called before each scrape; must be synchronous and cheap. */
  collect?: (this: Gauge<Names>) => void
}

export interface CounterOptions<Names extends string> {
  /** Called before each scrape; must be synchronous and cheap. */
  collect?: (this: Counter<Names>) => void
}

export interface HistogramOptions {
  /** Edges instead of the definition's own. */
  buckets?: readonly number[]
}

/** A counter of the catalogue with every closed series at 0. */
export function createCounter<L extends Labels>(
  registry: Registry,
  definition: MetricDefinition<'counter', L>,
  options: CounterOptions<keyof L & string> = {}
): Counter<keyof L & string> {
  const counter = new Counter<string>({
    ...configuration(registry, definition),
    ...(options.collect === undefined ? {} : { collect: options.collect as (this: Counter<string>) => void })
  })
  for (const labels of labelSets(definition.labels)) counter.inc(labels, 0)
  return counter as Counter<keyof L & string>
}

/** A gauge of the catalogue with every closed series at 0. */
export function createGauge<L extends Labels>(
  registry: Registry,
  definition: MetricDefinition<'gauge', L>,
  options: GaugeOptions<keyof L & string> = {}
): Gauge<keyof L & string> {
  const gauge = new Gauge<string>({
    ...configuration(registry, definition),
    ...(options.collect === undefined ? {} : { collect: options.collect as (this: Gauge<string>) => void })
  })
  for (const labels of labelSets(definition.labels)) gauge.set(labels, 0)
  return gauge as Gauge<keyof L & string>
}

/** A histogram of the catalogue with every closed series at 0. */
export function createHistogram<L extends Labels>(
  registry: Registry,
  definition: MetricDefinition<'histogram', L>,
  options: HistogramOptions = {}
): Histogram<keyof L & string> {
  const histogram = new Histogram<string>({
    ...configuration(registry, definition),
    buckets: [...(options.buckets ?? definition.buckets)]
  })
  for (const labels of labelSets(definition.labels)) histogram.zero(labels)
  return histogram as Histogram<keyof L & string>
}

/** One ready-made child per value of a label, so that the hot path looks nothing up. */
export function children<Value extends string, Child>(
  values: readonly Value[],
  child: (value: Value) => Child
): Record<Value, Child> {
  return Object.fromEntries(values.map((value) => [value, child(value)])) as Record<Value, Child>
}

/**
 * A figure that can be counted or observed: never negative, NaN or infinite, and never so large that a sum of several
 * becomes infinite; the client would keep that for ever.
 */
export function measured(value: number): number {
  return value > 0 && value < Number.POSITIVE_INFINITY ? Math.min(value, Number.MAX_SAFE_INTEGER) : 0
}

/** Every combination of label values; none when a label is open. */
export function labelSets(labels: Labels): Record<string, string>[] {
  let sets: Record<string, string>[] = [{}]
  for (const [name, values] of Object.entries(labels)) {
    if (values === 'open') return []
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value })))
  }
  return sets
}

function configuration(registry: Registry, definition: MetricDefinition<MetricType, Labels>) {
  return {
    name: definition.name,
    help: definition.help,
    labelNames: Object.keys(definition.labels),
    registers: [registry]
  }
}
