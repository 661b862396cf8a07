import { stringify } from 'yaml'
import { CAPACITY_ALERTS } from './capacity-alerts.ts'
import { CHAT_RECORDING } from './chat-recording.ts'
import { SERVICE_OBJECTIVES } from './objectives.ts'
import { type AlertingRule, type RecordingRule, type RuleFile, runbookPath } from './rule-types.ts'
import { CHAT_ALERTS, RUNTIME_ALERTS } from './runtime-alerts.ts'

/**
 * The rules that are generated. The four alerts of the operations document are not among them: they stay byte for
 * byte as they are in `infra/prometheus/rules/operations-document.yml`.
 */
export const GENERATED_RULES: readonly RuleFile[] = [
  CHAT_RECORDING,
  SERVICE_OBJECTIVES,
  {
    name: 'alerts',
    about: ['Alerts of our own beside those of the operations document; each has a page in docs/runbooks.'],
    groups: [CHAT_ALERTS, RUNTIME_ALERTS, CAPACITY_ALERTS]
  }
]

const GENERATED = 'Generated from infra/src/prometheus by "node --conditions=@semibot/source infra/src/generate.ts".'

/** The text of a rule file. `runbookBase` is what the links to the runbook begin with, without a slash at the end. */
export function ruleFileText(file: RuleFile, runbookBase = ''): string {
  const link = (alert: string): string => `${runbookBase === '' ? '' : `${runbookBase}/`}${runbookPath(alert)}`
  const withLink = (rule: RecordingRule | AlertingRule): RecordingRule | AlertingRule =>
    'record' in rule ? rule : { ...rule, annotations: { ...rule.annotations, runbook_url: link(rule.alert) } }
  const groups = file.groups.map((group) => ({ ...group, rules: group.rules.map(withLink) }))
  const header = [...file.about, GENERATED].map((line) => `# ${line}\n`).join('')
  return `${header}${stringify({ groups }, { lineWidth: 0 })}`
}
