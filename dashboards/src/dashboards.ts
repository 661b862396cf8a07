import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  AnnotationQueryBuilder,
  CustomVariableBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort
} from '@grafana/grafana-foundation-sdk/dashboard'
import { METRICS, MODES } from '@semibot/metrics'
import { CHAT_PANELS } from './chat-panels.ts'
import { FALLBACK_PANELS } from './fallback-panels.ts'
import { OBJECTIVE_PANELS } from './objective-panels.ts'
import { OPERATIONS_DOCUMENT_PANELS } from './operations-document.ts'
import { DATA_SOURCE } from './panels.ts'
import { DEPENDENCY_PANELS, PROCESS_PANELS, RUNTIME_PANELS } from './resource-panels.ts'

type Row = readonly [title: string, panels: readonly Builder<Panel>[]]

/**
 * The dashboards, by the names of their files. `runbookBase` is what links to the runbook begin with, without a slash at
 * the end; it can be changed on the dashboard, too.
 */
export function buildDashboards(runbookBase = ''): Record<string, Dashboard> {
  return {
    'semibot-chat': assemble('semibot-chat', 'Semibot: chat', runbookBase, [
      ['关键指标', OPERATIONS_DOCUMENT_PANELS],
      ['Requests', CHAT_PANELS],
      ['Breaker and fallback', FALLBACK_PANELS],
      ['Objectives', OBJECTIVE_PANELS]
    ]),
    'semibot-resources': assemble('semibot-resources', 'Semibot: resources', runbookBase, [
      ['Processes', PROCESS_PANELS],
      ['Dependencies', DEPENDENCY_PANELS],
      ['Runtime and tools', RUNTIME_PANELS]
    ])
  }
}

function assemble(uid: string, title: string, runbookBase: string, rows: readonly Row[]): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .tags(['semibot'])
    .timezone('browser')
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .variables([
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
      new CustomVariableBuilder('mode')
        .label('Mode')
        .values([...MODES].reverse().join(','))
        .current({ selected: true, text: 'runtime_orchestrator', value: 'runtime_orchestrator' }),
      new QueryVariableBuilder('instance')
        .label('Instance')
        .datasource(DATA_SOURCE)
        .query('label_values(up{job=~"api|runtime-service"}, instance)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .sort(VariableSort.AlphabeticalAsc)
        .multi(true)
        .includeAll(true)
        .allValue('.*')
        .current({ selected: true, text: 'All', value: '$__all' }),
      new TextBoxVariableBuilder('runbooks')
        .label('Runbook')
        .description('What links to the runbook begin with: where this repository can be read.')
        .defaultValue(runbookBase)
    ])
    .annotations([
      new AnnotationQueryBuilder()
        .name('Changes of the fallback')
        .datasource(DATA_SOURCE)
        .enable(true)
        .iconColor('orange')
        .expr(`sum by (to, reason) (increase(${METRICS.fallbackTransitions.name}[1m])) > 0`)
        .step('30s')
        .titleFormat('{{to}}: {{reason}}')
        .tagKeys('to,reason'),
      new AnnotationQueryBuilder()
        .name('Starts of processes')
        .datasource(DATA_SOURCE)
        .enable(true)
        .iconColor('blue')
        .expr(
          `(time() - process_start_time_seconds{job=~"api|runtime-service"} < 60) * on (job, instance) group_left (version) ${METRICS.buildInfo.name}`
        )
        .step('60s')
        .titleFormat('{{job}} {{instance}} {{version}}')
        .tagKeys('job,version')
    ])
  for (const [rowTitle, panels] of rows) {
    builder.withRow(new RowBuilder(rowTitle))
    for (const panel of panels) builder.withPanel(panel)
  }
  return withIds(builder.build())
}

/** The SDK gives no ids; Grafana wants each to be there once. */
function withIds(dashboard: Dashboard): Dashboard {
  let id = 0
  for (const panel of dashboard.panels ?? []) panel.id = ++id
  return dashboard
}
