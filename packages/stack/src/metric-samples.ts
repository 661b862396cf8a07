/** The samples of one scrape. */
export type MetricSamples = readonly { name: string; labels: ReadonlyMap<string, string>; value: number }[]

const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Reads `GET <baseUrl>/metrics`. Throws when it does not answer 200 within 5 s. */
export async function readMetrics(baseUrl: string): Promise<MetricSamples> {
  const response = await fetch(`${baseUrl}/metrics`, { signal: AbortSignal.timeout(5000) })
  if (!response.ok) throw new Error(`${baseUrl}/metrics answered ${response.status}`)
  return parseMetrics(await response.text())
}

/** Samples of a text in Prometheus' exposition format 0.0.4. */
export function parseMetrics(text: string): MetricSamples {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? []
    return name === undefined ? [] : [{ name, labels: labelsOf(labels), value: Number(value) }]
  })
}

/**
 * The sum of all samples, over all scrapes, of a series such as `chat_request_total{outcome="error"}`: of those that have
 * at least these labels.
 *
 * @throws Error when there is none: every series is there from boot, so the name is wrong
 */
export function sumOf(scrapes: readonly MetricSamples[], series: string): number {
  const [, name, wanted = ''] = /^([\w:]+)(?:\{(.*)\})?$/.exec(series) ?? []
  if (name === undefined) throw new Error(`not a series: ${series}`)
  const labels = [...labelsOf(wanted)]
  let sum: number | undefined
  for (const samples of scrapes) {
    for (const sample of samples) {
      if (sample.name !== name || !labels.every(([key, value]) => sample.labels.get(key) === value)) continue
      sum = (sum ?? 0) + sample.value
    }
  }
  if (sum === undefined) throw new Error(`there is no series ${series}`)
  return sum
}

function labelsOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(LABEL)].map(([, key = '', value = '']) => [key, value]))
}
