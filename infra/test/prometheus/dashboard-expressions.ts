import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'

/** One expression of a dashboard, as Grafana sends it. */
export interface DashboardExpression {
  /** Dashboard, panel and target. */
  where: string
  expression: string
}

interface Dashboard {
  title: string
  annotations: { list: { name: string; expr: string }[] }
  panels: { title: string; targets?: { refId: string; expr: string }[] }[]
}

const FOLDER = join(REPOSITORY_ROOT, 'dashboards/grafana')

/** Every expression of every panel and annotation of the committed dashboards, for each mode that can be chosen. */
export function dashboardExpressions(rateInterval: string): DashboardExpression[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const { title, annotations, panels } = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Dashboard
    const found = [
      ...annotations.list.map(({ name, expr }) => ({ where: `${title}: ${name}`, expression: expr })),
      ...panels.flatMap(({ title: panel, targets = [] }) =>
        targets.map(({ refId, expr }) => ({ where: `${title}: ${panel} ${refId}`, expression: expr }))
      )
    ]
    return found.flatMap((each) => withVariables(each, rateInterval))
  })
}

function withVariables({ where, expression }: DashboardExpression, rateInterval: string): DashboardExpression[] {
  const modes = expression.includes('$mode') ? ['direct_llm', 'runtime_orchestrator'] : ['']
  return modes.map((mode) => ({
    where: `${where} ${mode}`.trim(),
    expression: expression
      .replaceAll('$__rate_interval', rateInterval)
      .replaceAll('$instance', '.*')
      .replaceAll('$mode', mode)
  }))
}
