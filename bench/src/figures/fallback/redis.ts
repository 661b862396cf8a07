import { setTimeout as pause } from 'node:timers/promises'
import { openIncident } from '@semibot/stack'
import { type Figure, figure, type Scenario } from '../figure.ts'
import type { ChatRecord } from '../load/chat-load.ts'
import { clock } from '../load/chat-stream.ts'
import { startLoad } from '../load/start-load.ts'
import { durationOf } from '../load/summary.ts'
import { FALLBACK_ENABLED } from './log-lines.ts'
import { connectRedis, needRedis } from './redis-server.ts'
import { wholeAnswers } from './strike.ts'

const RAMP_MS = 3000
/** Chat p99 may differ by this share from the worst calm time, and by the noise. */
const TOLERANCE = 0.05
/** Calm and faulty times; how the calm ones differ among themselves is the noise. */
const PERIODS = 6

interface Period {
  fault: string
  from: number
  to: number
}

/** Redis is advice: it may be wiped, hang and die in the middle of the load, one after the other. */
export const redisScenario: Scenario = {
  name: 'redis',
  about: 'Redis wiped, hung and killed under load',
  async run(context) {
    const { base } = context
    const redis = await needRedis()
    const runtime = await base.startRuntime()
    const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url, REDIS_URL: redis.url })
    try {
      await base.simulator.reset()
      await base.simulator.control({ firstTokenMs: 20, gapMs: 20 })
      const message = await base.simulator.message('Does it matter?', 20)
      const periodMs = context.quick ? 3000 : 10_000
      // A load that others could disturb less than the faults that are measured.
      const rate = Math.ceil(context.rate / 2)
      const chats = Math.ceil((rate * (RAMP_MS / 2 + PERIODS * periodMs)) / 1000)
      const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
      const load = startLoad({
        apis: [api.url],
        apiKey: base.runtimeOrg.apiKey,
        rate,
        chats,
        rampMs: RAMP_MS,
        messages: [message],
        timeoutMs: 20_000
      })
      await pause(RAMP_MS)
      const commands = connectRedis(redis.port)
      // Calm times between the faults: whatever else the machine does is in both.
      const calm: Period[] = []
      const faults: Period[] = []
      const strikes: [string, () => Promise<unknown>][] = [
        ['wiped', () => commands.send('FLUSHALL')],
        ['hung (SIGSTOP)', async () => redis.process.kill('SIGSTOP')],
        ['killed', async () => redis.process.kill('SIGKILL')]
      ]
      for (const [fault, strike] of strikes) {
        redis.process.kill('SIGCONT')
        calm.push(await during('calm', periodMs, async () => {}))
        faults.push(await during(fault, periodMs, strike))
      }
      commands.close()
      const records = await load.records
      const findings = await incident.check({
        client: [{ what: 'failed chats', found: failedOf(records), expected: 0 }],
        metric: [
          { series: 'chat_request_total{outcome="success"}', increasedBy: chats },
          { series: 'chat_request_total{outcome="error"}', increasedBy: 0 },
          { series: 'chat_execution_success_total{mode="runtime_orchestrator"}', increasedBy: chats },
          { series: 'chat_runtime_fallback_enabled', is: 0 }
        ],
        log: [
          { message: FALLBACK_ENABLED, times: 0 },
          { message: 'Redis is gone; this process goes on without it', times: { atLeast: 1 } }
        ],
        database: [{ what: 'whole answers stored', query: wholeAnswers([message]), is: chats }]
      })
      const share = context.quick ? 0.9 : 0.99
      const noise = calm.map(({ from, to }) => durationOf(records, from, to, share))
      return faults.map((period) => toFigure(records, period, share, noise, findings))
    } finally {
      redis.process.kill('SIGCONT')
      await api.stop()
      await runtime.stop()
      await redis.stop()
    }
  }
}

async function during(fault: string, ms: number, strike: () => Promise<unknown>): Promise<Period> {
  const from = clock()
  await strike()
  await pause(ms)
  return { fault, from, to: clock() }
}

function toFigure(
  records: ChatRecord[],
  { fault, from, to }: Period,
  share: number,
  noise: number[],
  findings: Figure['findings']
): Figure {
  const within = records.filter((record) => record.endedAt >= from && record.sentAt < to)
  const p99 = durationOf(records, from, to, share)
  const worst = Math.max(...noise)
  const limit = worst * (1 + TOLERANCE) + worst - Math.min(...noise)
  const calm = noise.map((value) => value.toFixed(0)).join(', ')
  return figure(
    {
      fault: `Redis ${fault} under load`,
      asked: '0 failed, chat p99 within noise',
      measured: `${failedOf(within)} of ${within.length} failed, p${share * 100} ${p99.toFixed(0)} ms (without a fault ${calm} ms)`
    },
    failedOf(within) === 0 && p99 <= limit,
    findings
  )
}

function failedOf(records: readonly ChatRecord[]): number {
  return records.filter((record) => record.problem !== '').length
}
