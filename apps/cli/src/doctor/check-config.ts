import type { EnvInspection } from '@semibot/config'
import { type Finding, fail, ok, warn } from './finding.ts'

/** One finding per bad key and per warning. */
export function checkConfig(inspection: EnvInspection): Finding[] {
  const { file, problems, warnings, readings } = inspection
  const findings = problems.map(({ key, shownValue, where, expected }) => {
    const place = where === 'default' ? 'the environment or the file' : where
    return fail('config', `${key} is ${shownValue}`, `set it in ${place}: ${expected}`)
  })
  for (const warning of warnings) findings.push(warn('config', warning, 'correct or remove it'))
  if (findings.length > 0) return findings
  const set = [...readings.values()].filter(({ origin }) => origin !== 'default').length
  const source = file.found ? file.path : `no file ${file.path}`
  return [ok('config', `${set} of ${readings.size} keys are set, the rest have their defaults (${source})`)]
}
