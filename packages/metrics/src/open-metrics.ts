import type { Exemplar, Exemplars } from './types.ts'

export const OPEN_METRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

const TOTAL = '_total'
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g
const NONE: Exemplars = new Map()

/**
 * The OpenMetrics form of a page in Prometheus' text format, with exemplars at the buckets that have one. The
 * client can write it as well, but renames the counters of its registry for good on the way, so that the two
 * forms cannot be served side by side.
 * https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function toOpenMetrics(page: string, exemplars: Exemplars = NONE): string {
  const withExemplars = new Set([...exemplars.keys()].map((series) => series.slice(0, series.indexOf('{'))))
  const lines: string[] = []
  let help = ''
  for (const line of page.split('\n')) {
    if (line === '') continue
    if (line.startsWith('# HELP ')) {
      help = line
      continue
    }
    if (line.startsWith('# TYPE ')) {
      const [, , name = '', type = ''] = line.split(' ', 4)
      // There a counter's name goes without the suffix that its samples have.
      const family = type === 'counter' && name.endsWith(TOTAL) ? name.slice(0, -TOTAL.length) : name
      lines.push(`# TYPE ${family} ${type === 'untyped' ? 'unknown' : type}`)
      if (help !== '') lines.push(`# HELP ${family}${help.slice('# HELP '.length + name.length)}`)
      help = ''
      continue
    }
    const brace = line.indexOf('{')
    if (brace === -1 || !withExemplars.has(line.slice(0, brace))) lines.push(line)
    else lines.push(withExemplar(line, brace, exemplars))
  }
  lines.push('# EOF', '')
  return lines.join('\n')
}

/** A series by its name and sorted labels: `name{a="x",b="y"}`. */
export function seriesName(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return `${name}{${pairs.sort().join(',')}}`
}

function withExemplar(line: string, brace: number, exemplars: Exemplars): string {
  const end = line.lastIndexOf('}')
  const labels = Object.fromEntries([...line.slice(brace, end).matchAll(LABEL)].map(([, name, value]) => [name, value]))
  const exemplar = exemplars.get(seriesName(line.slice(0, brace), labels as Record<string, string>))
  return exemplar === undefined ? line : `${line} # ${exemplarText(exemplar)}`
}

function exemplarText({ traceId, value, atMs }: Exemplar): string {
  return `{trace_id="${traceId}"} ${value} ${(atMs / 1000).toFixed(3)}`
}
