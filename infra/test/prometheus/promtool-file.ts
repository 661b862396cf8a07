import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import type { AlertingRule } from '../../src/prometheus/rule-types.ts'

// Unit tests of rules, in the form of promtool: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/

/** An alert that is expected: its labels, and the description where that depends on the figures. */
export interface ExpectedAlert {
  labels: Record<string, string>
  description?: string
}

/** What is looked at, and why: `below` is silent because a level or a wait is just not reached, `over` because it has ended. */
export type Look =
  | { kind: 'fires'; alert: string; at: string; alerts: ExpectedAlert[] }
  | { kind: 'below' | 'over'; alert: string; at: string }
  | { kind: 'value'; expr: string; at: string; samples: Record<string, number> }

export interface AlertCase {
  name: string
  /** Between two samples. */
  interval: string
  series: Record<string, string>
  looks: Look[]
}

/** Cases that share how often rules are evaluated, and which. */
export interface CaseFile {
  name: string
  /** Rule files that take part, without `.yml`: those that record what others use come first. */
  rules: readonly string[]
  evaluationInterval: string
  cases: AlertCase[]
}

export const fires = (alert: string, at: string, ...alerts: ExpectedAlert[]): Look => ({
  kind: 'fires',
  alert,
  at,
  alerts
})
export const below = (alert: string, at: string): Look => ({ kind: 'below', alert, at })
export const over = (alert: string, at: string): Look => ({ kind: 'over', alert, at })
/** The keys are label sets as in `{job="api"}`; none means that the expression gives nothing. */
export const value = (expr: string, at: string, samples: Record<string, number>): Look => ({
  kind: 'value',
  expr,
  at,
  samples
})

/** A counter that grows by so much a step, for so many steps, and then by something else. */
export function counter(...phases: [perStep: number, steps: number][]): string {
  let reached = 0
  const parts = ['0']
  for (const [perStep, steps] of phases) {
    parts.push(`${reached + perStep}+${perStep}x${steps - 1}`)
    reached += perStep * steps
  }
  return parts.join(' ')
}

/** A gauge that has a value for so many samples, and then another one. */
export function gauge(...phases: [value: number | 'none', samples: number][]): string {
  // Gone means gone: without the mark of staleness a series lives on for five minutes.
  return phases
    .map(([value, samples]) => (value === 'none' ? `stale _x${samples - 1}` : `${value}x${samples - 1}`))
    .join(' ')
}

function groupNames(ruleFile: string): string[] {
  const { groups } = parse(readFileSync(ruleFile, 'utf8')) as { groups: { name: string }[] }
  return groups.map(({ name }) => name)
}

/** The text of a file for `promtool test rules`. Labels and annotations that do not vary are taken from the rules. */
export function promtoolFile(file: CaseFile, ruleFiles: readonly string[], rules: ReadonlyMap<string, AlertingRule>) {
  const expected = (alert: string, { labels, description }: ExpectedAlert) => {
    const rule = rules.get(alert)
    if (rule === undefined) throw new Error(`there is no alert ${alert}`)
    return {
      exp_labels: { ...rule.labels, ...labels },
      exp_annotations: { ...rule.annotations, ...(description !== undefined && { description }) }
    }
  }
  return stringify({
    rule_files: ruleFiles,
    // Otherwise promtool takes them in any order, and an alert may miss what is recorded at the same moment.
    group_eval_order: ruleFiles.flatMap(groupNames),
    evaluation_interval: file.evaluationInterval,
    tests: file.cases.map(({ name, interval, series, looks }) => ({
      name,
      interval,
      input_series: Object.entries(series).map(([key, values]) => ({ series: key, values })),
      alert_rule_test: looks.flatMap((look) => {
        if (look.kind === 'value') return []
        const alerts = look.kind === 'fires' ? look.alerts.map((alert) => expected(look.alert, alert)) : []
        return [{ eval_time: look.at, alertname: look.alert, exp_alerts: alerts }]
      }),
      promql_expr_test: looks.flatMap((look) => {
        if (look.kind !== 'value') return []
        const samples = Object.entries(look.samples).map(([labels, sample]) => ({ labels, value: sample }))
        return [{ expr: look.expr, eval_time: look.at, exp_samples: samples }]
      })
    }))
  })
}
