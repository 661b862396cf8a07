// npm run figures -- fallback|runtime|capacity [--quick] [--only kill,stop] [--rate N] [--chats N] [--json FILE] [--list]
import { writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { startBase } from './base.ts'
import { CAPACITY_SCENARIOS } from './capacity/index.ts'
import { FALLBACK_SCENARIOS, NEED_RATE } from './fallback/index.ts'
import type { Figure, Scenario } from './figure.ts'
import { printFigures } from './print-figures.ts'
import { findRate } from './rate.ts'
import { RUNTIME_SCENARIOS } from './runtime/index.ts'

const USAGE = `The figures that are asked of the system, measured on real processes of this machine.

  npm run figures -- fallback                   everything of the automatic fallback, at most a quarter of an hour
  npm run figures -- runtime                    everything of durable runs, about a quarter of an hour
  npm run figures -- capacity                   turns to PostgreSQL, chats and executions at once: two minutes
  npm run figures -- fallback --quick           small counts, under two minutes
  npm run figures -- fallback --only kill,stop  these groups only; --list names them
  npm run figures -- fallback --rate 100        this rate of chats, and no search for what the machine holds
  npm run figures -- fallback --chats 2000      so many chats in the big loads
  npm run figures -- fallback --json FILE       also writes the figures as JSON

Exits with 1 when a figure is not as asked.`

const LIMIT_MS = { full: 20 * 60_000, quick: 4 * 60_000 }
const CHATS = { full: 10_000, quick: 400 }
const QUICK_RATE = 40
/** A big load must not go on for longer than this, whatever the machine holds. */
const LONGEST_LOAD_SECONDS = 100

const SUITES: ReadonlyMap<string, readonly Scenario[]> = new Map([
  ['fallback', FALLBACK_SCENARIOS],
  ['runtime', RUNTIME_SCENARIOS],
  ['capacity', CAPACITY_SCENARIOS]
])

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((word, index) => index > 0 || word !== '--'),
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rate: { type: 'string' },
    chats: { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false }
  }
})

function leave(text: string, code: number): never {
  process.stdout.write(`${text}\n`)
  process.exit(code)
}

function chosen(): readonly Scenario[] {
  if (values.only === undefined) return suite
  return values.only.split(',').map((name) => {
    const names = suite.map((scenario) => scenario.name)
    const found = suite.find((scenario) => scenario.name === name)
    return found ?? leave(`there is no group "${name}"; there are ${names.join(', ')}`, 2)
  })
}

function positive(key: 'rate' | 'chats'): number | undefined {
  const text = values[key]
  if (text === undefined) return undefined
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : leave(`--${key} must be a whole number above 0, not ${text}`, 2)
}

if (values.help) leave(USAGE, 0)
const suite = SUITES.get(positionals[0] ?? '') ?? leave(USAGE, 2)
if (values.list) leave(suite.map(({ name, about }) => `${name.padEnd(14)}${about}`).join('\n'), 0)
if (platform() !== 'linux') leave('The figures read memory from /proc and so run on Linux only.', 2)

const report = (text: string): void => void (text !== '' && process.stderr.write(`figures: ${text}\n`))
const scenarios = chosen()
const quick = values.quick
const [givenRate, givenChats] = [positive('rate'), positive('chats')]
const startedAt = performance.now()
const base = await startBase(report)
const stop = (code: number) => void base.stop().finally(() => process.exit(code))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    report(`${signal}: stopping`)
    stop(130)
  })
}
const limitMs = quick ? LIMIT_MS.quick : LIMIT_MS.full
setTimeout(() => {
  report(`not ready after ${limitMs / 60_000} minutes: given up`)
  stop(1)
}, limitMs).unref()

const figures: Figure[] = []
try {
  let rate = givenRate ?? QUICK_RATE
  let rateText = `given: ${rate} chats/s`
  if (!quick && givenRate === undefined && scenarios.some((scenario) => NEED_RATE.includes(scenario))) {
    report('the rate that the system holds without a fault; 200 chats/s is asked')
    const held = await findRate(base, report)
    rate = held.rate
    rateText = `held without a fault: ${held.text}`
  }
  const chats = givenChats ?? Math.min(quick ? CHATS.quick : CHATS.full, rate * LONGEST_LOAD_SECONDS)
  const context = { base, quick, rate, chats, report }
  for (const scenario of scenarios) {
    report(`${scenario.name}: ${scenario.about} (load ${loadavg()[0]?.toFixed(1)})`)
    try {
      figures.push(...(await scenario.run(context)))
    } catch (error) {
      const measured = `broken off: ${(error as Error).message}`
      figures.push({ fault: scenario.about, asked: 'to be measured', measured, ok: false, findings: [] })
      report((error as Error).stack ?? '')
    }
  }
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? arch()}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}`
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  printFigures(figures)
  const load = scenarios.some((scenario) => NEED_RATE.includes(scenario))
    ? `Rate ${rateText}; ${chats} chats in the big loads. `
    : ''
  console.log(`${load}${machine}; ${new Date().toISOString()}; ${seconds} s.`)
  if (values.json !== undefined) {
    const all = { machine, date: new Date().toISOString(), seconds, rate: rateText, chats, figures }
    writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`)
  }
} finally {
  await base.stop()
}
process.exit(figures.length > 0 && figures.every((figure) => figure.ok) ? 0 : 1)
