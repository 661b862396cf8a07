import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { parse, stringify } from 'yaml'

const RULES = join(REPOSITORY_ROOT, 'infra/prometheus/rules')
const TARGET = join(REPOSITORY_ROOT, 'infra/k8s/base/prometheus-rule.yaml')

/** Every rule file of infra/prometheus as one PrometheusRule, in the order of the file names. */
export function prometheusRuleText(): string {
  const files = readdirSync(RULES)
    .filter((file) => file.endsWith('.yml'))
    .sort()
  const groups = files.flatMap(
    (file) => (parse(readFileSync(join(RULES, file), 'utf8')) as { groups: unknown[] }).groups
  )
  const manifest = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'semibot', labels: { 'app.kubernetes.io/part-of': 'semibot' } },
    spec: { groups }
  }
  return `# Made from infra/prometheus/rules by infra/src/generate.ts.\n${stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })}`
}

/** Writes it beside the other manifests of the base; returns the path. */
export function writePrometheusRule(): string {
  writeFileSync(TARGET, prometheusRuleText())
  return TARGET
}
