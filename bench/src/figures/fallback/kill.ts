import { setTimeout as pause } from 'node:timers/promises'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { summarizeLoad, touchedBy, whereaboutsAt } from '../load/summary.ts'
import { type Strike, strikeUnderLoad } from './strike.ts'

/** Chats that begin this long after the fault may still meet it. */
const SHADOW_MS = 3000
const IN_RUNTIME = 0.95
/** Time for a woken runtime to do what it should not. */
const AFTER_WAKING_MS = 1500

/** The only runtime dies, or hangs, under load. */
export const killScenario: Scenario = {
  name: 'kill',
  about: 'kill -9 of the only runtime under load',
  run: (context) => strike(context, 'SIGKILL', { pauseMs: 1000, extraShare: 0.1 })
}

export const stopScenario: Scenario = {
  name: 'stop',
  about: 'SIGSTOP of the only runtime under load',
  run: (context) => strike(context, 'SIGSTOP', { pauseMs: 2500, extraShare: 0.2 })
}

async function strike(
  context: FigureContext,
  signal: 'SIGKILL' | 'SIGSTOP',
  limits: { pauseMs: number; extraShare: number }
): Promise<Figure[]> {
  const { chats, rate } = context
  const result = await strikeUnderLoad(context, { signal, rate, chats })
  const woken = signal === 'SIGSTOP' ? [await wake(context, result, limits.extraShare)] : []
  await result.api.stop()
  await result.runtime.stop()

  const { records, faultAt, extraCalls } = result
  const all = summarizeLoad(records)
  const touched = summarizeLoad(touchedBy(records, faultAt, SHADOW_MS))
  const { inRuntime, inDirect, arriving } = whereaboutsAt(records, faultAt)
  const share = inRuntime / Math.max(1, inRuntime + inDirect)
  const extraShare = extraCalls / records.length
  const continued = records.filter((record) => record.writers === 2).length
  const fault = signal === 'SIGKILL' ? 'kill -9 of the only runtime' : 'SIGSTOP of the only runtime'
  const figures = [
    figure(
      {
        fault: `${fault}: answers`,
        asked: '0 failed, each answer whole and unmixed',
        measured: `${all.failed} of ${all.chats} failed at ${rate} chats/s${all.problem === '' ? '' : ` (${all.problem})`}, ${continued} varying answers continued by a second call`
      },
      all.failed === 0,
      result.findings
    ),
    figure(
      {
        fault: `${fault}: in the runtime at the fault`,
        asked: '>= 95 %',
        measured: `${percent(share)} of ${inRuntime + inDirect} accepted chats (${arriving} more were about to be accepted)`
      },
      share >= IN_RUNTIME,
      []
    ),
    figure(
      {
        fault: `${fault}: longest pause`,
        asked: `p99 <= ${limits.pauseMs / 1000} s`,
        measured: `p99 ${seconds(touched.pauseP99Ms)}, longest ${seconds(touched.pauseMaxMs)}, of ${touched.chats} chats touched`
      },
      touched.chats > 0 && touched.pauseP99Ms <= limits.pauseMs,
      []
    ),
    figure(
      {
        fault: `${fault}: extra model calls`,
        asked: `<= ${percent(limits.extraShare)}`,
        measured: `${extraCalls} of ${records.length} chats (${percent(extraShare)})`
      },
      extraShare <= limits.extraShare,
      []
    )
  ]
  if (signal === 'SIGKILL') figures.push(detection(result, 'under load'))
  return [...figures, ...woken]
}

/** The hung runtime goes on: with chats that others have finished, and with requests that nobody waits for any more. */
async function wake({ base }: FigureContext, strike: Strike, extraShare: number): Promise<Figure> {
  const before = await base.simulator.stats()
  strike.runtime.kill('SIGCONT')
  await pause(AFTER_WAKING_MS)
  const { started = 0, open = 0 } = await base.simulator.stats()
  const calls = started - (before.started ?? 0)
  const { expectation, records } = strike
  const findings = await strike.incident.check({
    ...expectation,
    client: [{ what: 'model calls that go on for nobody', found: open, expected: 0 }]
  })
  return figure(
    {
      fault: 'SIGSTOP of the only runtime: it wakes up again',
      asked: `nothing stored changes, with these <= ${percent(extraShare)} extra calls`,
      measured: `${calls} model calls for requests that nobody waited for any more`
    },
    (calls + strike.extraCalls) / records.length <= extraShare,
    findings
  )
}

/** From the fault to the fallback. */
export function detection({ fallbackMs, failuresBefore }: Strike, when: string): Figure {
  return figure(
    {
      fault: `hard fault to fallback, ${when}`,
      asked: '<= 150 ms, or 5 failures',
      measured: `${fallbackMs.toFixed(0)} ms, ${failuresBefore} failed chats before it`
    },
    fallbackMs <= 150 || failuresBefore <= 5,
    []
  )
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
