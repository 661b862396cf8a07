import pg from 'pg'
import type { LogBook } from './log-book.ts'
import { type MetricSamples, readMetrics, sumOf } from './metric-samples.ts'
import { waitFor } from './wait-for.ts'

/** Where an incident can be seen from outside. */
export interface IncidentSources {
  /** Base URLs of the apis; figures of several are added up. */
  apis: readonly string[]
  log: LogBook
  databaseUrl: string
}

/** What a figure must be: exactly this, or within bounds, or a text of this form. */
export type Expected = number | string | RegExp | { atLeast?: number; atMost?: number }

/** One thing that somebody has found out by himself, a client for example. */
export interface Fact {
  what: string
  found: number | string
  expected: Expected
}

/** What must be seen of one incident, in all four views. None may be left empty. */
export interface IncidentExpectation {
  client: readonly Fact[]
  /** A series, such as `chat_request_total{outcome="error"}`: its value now, or by how much it went up. */
  metric: readonly ({ series: string; is: Expected } | { series: string; increasedBy: Expected })[]
  /** How often a text of `msg` was logged since the incident was opened. */
  log: readonly { message: string | RegExp; times: Expected }[]
  /** First column of the first row; `$1` is the moment at which the incident was opened. */
  database: readonly { what: string; query: string; is: Expected }[]
}

export type IncidentView = keyof IncidentExpectation

/** One assertion and how it came out. */
export interface Finding {
  view: IncidentView
  what: string
  expected: string
  found: string
  ok: boolean
}

/** One fault, from before it happens until it is looked at. */
export interface Incident {
  /** Milliseconds since 1970. */
  readonly openedAt: number
  /**
   * Looks at all four views, again and again until everything is as expected or the time is over (default 5000 ms),
   * and gives every assertion with what was found last.
   *
   * @throws Error when a view has no assertion, or cannot be reached when the time is over
   */
  check(expectation: IncidentExpectation, options?: { timeoutMs?: number }): Promise<Finding[]>
}

const VIEWS: readonly IncidentView[] = ['client', 'metric', 'log', 'database']

/**
 * Opens the books on a fault that is about to happen: what the metrics and the log say so far is not part of it.
 * Four views, because each alone can be right while the others lie: an answer that was not stored, a fallback that no
 * gauge shows, a line that is missing in the runbook's words.
 */
export async function openIncident(sources: IncidentSources): Promise<Incident> {
  const openedAt = Date.now()
  const before = await scrape(sources.apis)

  async function look(expectation: IncidentExpectation, client: pg.Client): Promise<Finding[]> {
    const now = await scrape(sources.apis)
    const findings = expectation.client.map((fact) => finding('client', fact.what, fact.expected, fact.found))
    for (const item of expectation.metric) {
      const found = sumOf(now, item.series)
      if ('is' in item) findings.push(finding('metric', item.series, item.is, found))
      else {
        const increase = found - sumOf(before, item.series)
        findings.push(finding('metric', `increase of ${item.series}`, item.increasedBy, increase))
      }
    }
    for (const { message, times } of expectation.log) {
      findings.push(finding('log', String(message), times, sources.log.times(message, openedAt).length))
    }
    for (const { what, query, is } of expectation.database) {
      const values = query.includes('$1') ? [new Date(openedAt)] : []
      const { rows } = await client.query({ text: query, values, rowMode: 'array' })
      const value = (rows as unknown[][])[0]?.[0]
      findings.push(finding('database', what, is, isNumeric(value) ? Number(value) : String(value)))
    }
    return findings
  }

  return {
    openedAt,
    async check(expectation, { timeoutMs = 5000 } = {}) {
      const empty = VIEWS.filter((view) => expectation[view].length === 0)
      if (empty.length > 0) throw new Error(`an incident is looked at in four views, nothing is said of: ${empty}`)
      const client = new pg.Client({ connectionString: sources.databaseUrl })
      await client.connect()
      let last: Finding[] | undefined
      try {
        await waitFor(
          async () => {
            last = await look(expectation, client)
            return last.every((finding) => finding.ok)
          },
          { timeoutMs, intervalMs: 100, what: 'the four views' }
        )
      } catch (error) {
        if (last === undefined) throw error
      } finally {
        await client.end()
      }
      return last ?? []
    }
  }
}

/** The assertions that did not hold, one line each; empty when all did. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings
    .filter((finding) => !finding.ok)
    .map(({ view, what, expected, found }) => `${view}: ${what}: expected ${expected}, found ${found}`)
    .join('\n')
}

function finding(view: IncidentView, what: string, expected: Expected, found: number | string): Finding {
  return { view, what, expected: describe(expected), found: String(found), ok: holds(expected, found) }
}

function holds(expected: Expected, found: number | string): boolean {
  if (expected instanceof RegExp) return expected.test(String(found))
  if (typeof expected !== 'object') return expected === found
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = expected
  return typeof found === 'number' && found >= atLeast && found <= atMost
}

function describe(expected: Expected): string {
  if (expected instanceof RegExp || typeof expected !== 'object') return String(expected)
  const { atLeast, atMost } = expected
  if (atLeast !== undefined && atMost !== undefined) return `${atLeast} to ${atMost}`
  return atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
}

/** Postgres gives bigint and numeric as text. */
function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))
}

async function scrape(apis: readonly string[]): Promise<MetricSamples[]> {
  return await Promise.all(apis.map(readMetrics))
}
