import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder
} from '@grafana/grafana-foundation-sdk/common'
import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatPanelBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeSeriesPanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { type Step, steps } from './thresholds.ts'

/** The data source that is chosen on the dashboard. */
export const DATA_SOURCE = { type: 'prometheus', uid: `\${datasource}` } as const

/** One line or a family of lines; the legend may hold labels, as in `P95 {{mode}}`. */
export type Query = readonly [expression: string, legend: string]

export interface PanelOptions {
  title: string
  /** What it says, for whoever sees it for the first time. */
  description?: string
  /** Grafana's id of a unit: https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/ */
  unit: string
  queries: readonly Query[]
  /** Drawn as lines. */
  thresholds?: readonly Step[]
  /** Alerts whose pages are linked. */
  alerts?: readonly string[]
  /** Columns of 24. Default 8. */
  span?: number
  min?: number
  max?: number
}

const HEIGHT = 8
const SPAN = 8

/** Lines over time. */
export function timeSeries(options: PanelOptions): TimeSeriesPanelBuilder {
  const panel = new TimeSeriesPanelBuilder()
    .title(options.title)
    .datasource(DATA_SOURCE)
    .unit(options.unit)
    .height(HEIGHT)
    .span(options.span ?? SPAN)
    .fillOpacity(8)
    .lineWidth(1)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([])
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .dataLinks(runbookLinks(options.alerts))
    .targets(targets(options.queries))
  if (options.description !== undefined) panel.description(options.description)
  if (options.min !== undefined) panel.min(options.min)
  if (options.max !== undefined) panel.max(options.max)
  if (options.thresholds !== undefined) {
    panel
      .thresholds(steps(...options.thresholds))
      .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
  }
  return panel
}

/** Single values, the last ones. */
export function stat(options: PanelOptions): StatPanelBuilder {
  const panel = new StatPanelBuilder()
    .title(options.title)
    .datasource(DATA_SOURCE)
    .unit(options.unit)
    .height(HEIGHT)
    .span(options.span ?? SPAN)
    .dataLinks(runbookLinks(options.alerts))
    .targets(targets(options.queries))
  if (options.description !== undefined) panel.description(options.description)
  if (options.thresholds !== undefined) panel.thresholds(steps(...options.thresholds))
  return panel
}

/** Targets named A, B, C and so on. */
function targets(queries: readonly Query[]): Builder<Dataquery>[] {
  return queries.map(([expression, legend], index) =>
    new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + index))
      .datasource(DATA_SOURCE)
      .expr(expression)
      .legendFormat(legend)
      // Points that lead to single traces, where the services write any.
      .exemplar(expression.includes('_bucket{'))
      .range()
  )
}

/** The pages of alerts, below what the variable `runbooks` holds. */
function runbookLinks(alerts: readonly string[] = []): DashboardLinkBuilder[] {
  return alerts.map((alert) =>
    new DashboardLinkBuilder(alert)
      .type(DashboardLinkType.Link)
      .url(`\${runbooks}/docs/runbooks/${alert}.md`)
      .targetBlank(true)
  )
}
