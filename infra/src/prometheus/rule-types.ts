/** A rule file of Prometheus, as data. */
export interface RuleFile {
  /** Name without `.yml`. */
  name: string
  /** First lines of the file, without `#`. */
  about: readonly string[]
  groups: readonly RuleGroup[]
}

export interface RuleGroup {
  name: string
  /** As Prometheus writes durations. */
  interval?: string
  rules: readonly (RecordingRule | AlertingRule)[]
}

export interface RecordingRule {
  record: string
  expr: string
}

export interface AlertingRule {
  alert: string
  expr: string
  for?: string
  keep_firing_for?: string
  labels: Readonly<Record<string, string>>
  annotations: Readonly<Record<string, string>>
}

export interface AlertText {
  /** What operators read; in the words of the operations document where it has some. */
  summary: string
  description: string
  /** The same in one English sentence. */
  english: string
}

export type Severity = 'critical' | 'warning' | 'info'

/** An alert with everything that each of ours has; the link to its page follows from its name. */
export function alerting(
  name: string,
  severity: Severity,
  rule: { expr: string; for?: string; keepFiringFor?: string; labels?: Record<string, string> },
  text: AlertText
): AlertingRule {
  return {
    alert: name,
    expr: rule.expr,
    ...(rule.for !== undefined && { for: rule.for }),
    ...(rule.keepFiringFor !== undefined && { keep_firing_for: rule.keepFiringFor }),
    labels: { severity, ...rule.labels },
    annotations: { summary: text.summary, description: text.description, summary_en: text.english }
  }
}

/** Where the page of an alert is, below the base that the rules are generated with. */
export function runbookPath(alert: string): string {
  return `docs/runbooks/${alert}.md`
}
