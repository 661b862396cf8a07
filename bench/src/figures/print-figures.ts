import { describeFindings } from '@semibot/stack'
import type { Figure } from './figure.ts'

/** One line per figure, and below a failed one what did not look right. */
export function printFigures(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map((figure) => figure.fault.length)) + 2
  const askedWidth = Math.max(...figures.map((figure) => figure.asked.length)) + 2
  console.log(`\n${'fault'.padEnd(width)}${'asked'.padEnd(askedWidth)}      measured`)
  for (const figure of figures) {
    const { fault, asked, measured, ok, findings } = figure
    console.log(`${fault.padEnd(width)}${asked.padEnd(askedWidth)}${ok ? 'pass' : 'FAIL'}  ${measured}`)
    if (ok) continue
    for (const line of describeFindings(findings).split('\n')) if (line !== '') console.log(`  ${line}`)
  }
  const seen = new Set(figures.map((figure) => figure.findings).filter((findings) => findings.length > 0))
  const findings = [...seen].flat()
  const held = findings.filter((finding) => finding.ok).length
  console.log(
    findings.length === 0 ? '' : `\n${held} of ${findings.length} assertions on client, metrics, log and database hold.`
  )
  console.log(`${figures.filter((figure) => figure.ok).length} of ${figures.length} figures pass.`)
}
