import type { Figure } from './measure.ts'
import { median } from './quantiles.ts'

/** One line per figure: each system's median (min - max), and the api as a multiple of the pipe. */
export function printTable(figures: Figure[]): void {
  const loads = [...new Set(figures.map((figure) => figure.load))]
  for (const load of loads) {
    console.log(`\n${load}`)
    console.log(`  ${'figure'.padEnd(30)}${'pipe'.padStart(26)}${'api'.padStart(26)}${'api / pipe'.padStart(13)}`)
    const names = [...new Set(figures.filter((figure) => figure.load === load).map((figure) => figure.name))]
    for (const name of names) {
      const of = (system: string) => figures.find((f) => f.load === load && f.name === name && f.system === system)
      const [pipe, api] = [of('pipe'), of('api')]
      const ratio = pipe && api ? (median(api.values) / median(pipe.values)).toFixed(2) : ''
      console.log(`  ${name.padEnd(30)}${show(pipe).padStart(26)}${show(api).padStart(26)}${ratio.padStart(13)}`)
    }
  }
  console.log()
}

function show(figure: Figure | undefined): string {
  if (figure === undefined) return ''
  const { values, errors } = figure
  const range = values.length > 1 ? ` (${round(Math.min(...values))} - ${round(Math.max(...values))})` : ''
  return `${round(median(values))}${range}${errors > 0 ? ` ${errors} errors!` : ''}`
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3)
}
