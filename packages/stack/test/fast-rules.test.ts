import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { durationMs, fasterRules, ruleFiles, writeFastRules } from '../src/prometheus/fast-rules.ts'

t.test('every duration of a rule is divided, and nothing else', async (t) => {
  const rule = `groups:
  - name: for 5m
    interval: 15s
    rules:
      - alert: A5m
        expr: rate(chat_execution_total{le="5m"}[5m]) > 5 and max_over_time(x[30m:1m] offset 1h) > 3 unless y[1h30m:]
        for: 1m
        keep_firing_for: "10m"
        annotations:
          summary: within 5m
  - interval: 30s`
  t.equal(
    fasterRules(rule, 20),
    `groups:
  - name: for 5m
    interval: 750ms
    rules:
      - alert: A5m
        expr: rate(chat_execution_total{le="5m"}[15s]) > 5 and max_over_time(x[90s:3s] offset 180s) > 3 unless y[270s:]
        for: 3s
        keep_firing_for: "30s"
        annotations:
          summary: within 5m
  - interval: 1500ms`
  )
})

t.test('durations are read as Prometheus writes them', async (t) => {
  const table: [string, number][] = [
    ['250ms', 250],
    ['15s', 15_000],
    ['1h30m', 5_400_000],
    ['3d', 259_200_000],
    ['1w', 604_800_000],
    ['0s', 0]
  ]
  for (const [duration, milliseconds] of table) t.equal(durationMs(duration), milliseconds, duration)
  for (const none of ['', '5', 'm', '1.5h', '5m ', '-5m']) t.ok(Number.isNaN(durationMs(none)), `"${none}" is none`)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(1, 5, 20), (seconds, factor) => {
      const [, faster = ''] = /\[(.+)\]/.exec(fasterRules(`x[${seconds}s]`, factor)) ?? []
      return durationMs(faster) === Math.round((seconds * 1000) / factor)
    })
  )
  t.equal(fasterRules('x[5ms]', 20), 'x[1ms]', 'a range of nothing would be refused')
})

t.test('the rules of the repository keep their names and texts', async (t) => {
  const copies = writeFastRules(t.testdir())
  t.equal(copies.length, ruleFiles().length)
  t.ok(copies.length >= 4)
  for (const [index, path] of ruleFiles().entries()) {
    const fast = readFileSync(copies[index] as string, 'utf8')
    const slow = readFileSync(path, 'utf8')
    const texts = (text: string) => text.match(/^ *(- )?(alert|record|summary|description|severity): .*$/gm)
    t.strictSame(texts(fast), texts(slow), path)
    t.not(fast, slow)
    const waits = (text: string) =>
      [...text.matchAll(/^ +for: (.+)$/gm)].map(([, duration = '']) => durationMs(duration))
    t.strictSame(
      waits(fast),
      waits(slow).map((wait) => wait / 20)
    )
  }
})
