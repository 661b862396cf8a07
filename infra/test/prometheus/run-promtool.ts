import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import type { AlertingRule, RecordingRule } from '../../src/prometheus/rule-types.ts'
import { CAPACITY_CASES } from './capacity-cases.ts'
import { OBJECTIVE_CASES, SLOW_OBJECTIVE_CASES } from './objective-cases.ts'
import { type CaseFile, promtoolFile } from './promtool-file.ts'
import { LONG_RUNTIME_CASES, RUNTIME_CASES } from './runtime-cases.ts'

const run = promisify(execFile)

export const CASE_FILES = [RUNTIME_CASES, LONG_RUNTIME_CASES, CAPACITY_CASES, OBJECTIVE_CASES, SLOW_OBJECTIVE_CASES]

/** Every alert of the texts of rule files, by its name. */
export function alertsOf(texts: readonly string[]): Map<string, AlertingRule> {
  const rules = texts.flatMap((text) => {
    const { groups } = parse(text) as { groups: { rules: (AlertingRule | RecordingRule)[] }[] }
    return groups.flatMap((group) => group.rules)
  })
  const alerts = rules.filter((rule): rule is AlertingRule => 'alert' in rule)
  const byName = new Map(alerts.map((rule) => [rule.alert, rule]))
  if (byName.size !== alerts.length) throw new Error('an alert is there twice')
  return byName
}

/** Runs promtool and gives its exit code and what it wrote. */
export async function promtool(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  try {
    const { stdout, stderr } = await run(program, args, { timeout: 120_000, maxBuffer: 16 * 1024 * 1024 })
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number | string; stdout?: string; stderr?: string }
    if (typeof code !== 'number') throw error
    return { code, output: stdout + stderr }
  }
}

/** Writes the cases of a file for promtool, against those of the rule files that it names; gives the path. */
export function writeCases(
  folder: string,
  file: CaseFile,
  ruleFiles: readonly string[],
  alerts: ReadonlyMap<string, AlertingRule>
): string {
  const path = join(folder, `${file.name}.test.yml`)
  const rules = file.rules.map((name) => {
    const found = ruleFiles.find((rule) => basename(rule, '.yml') === name)
    if (found === undefined) throw new Error(`${file.name}: there is no rule file ${name}`)
    return found
  })
  writeFileSync(path, promtoolFile(file, rules, alerts))
  return path
}
