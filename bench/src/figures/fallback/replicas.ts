import { type Finding, openIncident, waitFor } from '@semibot/stack'
import { quantile } from '../../quantiles.ts'
import { ask, type Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import type { LoadMessage } from '../load/chat-load.ts'
import { runChat } from '../load/chat-stream.ts'
import { type FakeRuntime, startFakeRuntime } from './fake-runtime.ts'
import { FALLBACK_DISABLED, FALLBACK_ENABLED } from './log-lines.ts'
import { connectRedis, needRedis } from './redis-server.ts'

const REPLICAS = 3
/** So often the listening connections are cut where the notices are to be lost: faster than they come back. */
const CUT_EVERY_MS = 20

/** Three api processes share one verdict through Redis. */
export const replicasScenario: Scenario = {
  name: 'replicas',
  about: 'three api replicas: the verdict on the last one, with and without pub/sub',
  async run(context) {
    const { base } = context
    const redis = await needRedis()
    const runtime = await startFakeRuntime('unused')
    runtime.behave = ({ response }) => void response.writeHead(500).end('{}')
    const env = { RUNTIME_SERVICE_URL: runtime.url, REDIS_URL: redis.url }
    const apis: Service[] = []
    try {
      for (let count = 0; count < REPLICAS; count++) apis.push(await base.startApi(env))
      await base.simulator.reset()
      await base.simulator.control({ firstTokenMs: 0, gapMs: 0 })
      const message = await base.simulator.message('Is it open?', 3)
      const heard = await propagation(context, apis, message, runtime, 50)
      const cutter = connectRedis(redis.port)
      const timer = setInterval(() => void cutter.send('CLIENT KILL TYPE pubsub'), CUT_EVERY_MS)
      const unheard = await propagation(context, apis, message, runtime, 300).finally(() => {
        clearInterval(timer)
        cutter.close()
      })
      return [heard, unheard]
    } finally {
      await Promise.all(apis.map((api) => api.stop()))
      runtime.stop()
      await redis.stop()
    }
  }
}

/** Trips by errors and resets by order, again and again: from the first replica that changes to the last. */
async function propagation(
  context: FigureContext,
  apis: Service[],
  message: LoadMessage,
  runtime: FakeRuntime,
  limitMs: number
): Promise<Figure> {
  const { base } = context
  const rounds = context.quick ? 5 : 50
  const { apiKey } = base.runtimeOrg
  const spreads: number[] = []
  const sources = { apis: apis.map((api) => api.url), databaseUrl: base.databaseUrl }
  const findings: Finding[] = []
  for (let round = 0; round < rounds; round++) {
    const log = {
      ...apis[0]!.log,
      times: (text: string | RegExp, since?: number) => apis.flatMap((api) => api.log.times(text, since))
    }
    const incident = round === 0 ? await openIncident({ ...sources, log }) : undefined
    const trippedAt = Date.now()
    const chats = await Promise.all(
      Array.from({ length: 15 }, (_, index) =>
        runChat({ api: new URL(apis[index % apis.length]!.url), apiKey, message, timeoutMs: 10_000, idle: [] })
      )
    )
    spreads.push(await spreadOf(apis, FALLBACK_ENABLED, trippedAt))
    if (incident !== undefined) {
      findings.push(
        ...(await incident.check({
          client: [
            { what: 'chats without an answer', found: chats.filter((chat) => chat.problem !== '').length, expected: 0 }
          ],
          metric: [
            { series: 'chat_runtime_fallback_enabled', is: apis.length },
            { series: 'chat_runtime_fallback_transitions_total{to="open",reason="error_rate"}', increasedBy: 1 }
          ],
          log: [{ message: '[RuntimeAdapter] 触发自动回退 原因: 错误率过高', times: apis.length }],
          database: [
            {
              what: 'rows of one verdict of many replicas',
              query: "select count(*) from fallback_events where created_at >= $1 and state = 'open'",
              is: 1
            }
          ]
        }))
      )
    }
    const resetAt = Date.now()
    const reset = `${apis[round % apis.length]!.url}/api/v1/runtime/fallback/reset`
    await ask(reset, {}, { authorization: `Bearer ${base.adminToken}` })
    spreads.push(await spreadOf(apis, FALLBACK_DISABLED, resetAt))
  }
  const sorted = Float64Array.from(spreads).sort()
  const p99 = quantile(sorted, 0.99)
  return figure(
    {
      fault: `${apis.length} replicas, verdict on the last, ${limitMs > 50 ? 'pub/sub lost' : 'with pub/sub'}`,
      asked: `p99 <= ${limitMs} ms`,
      measured: `p99 ${p99} ms, median ${quantile(sorted, 0.5)} ms, of ${spreads.length} changes (${runtime.calls} failed calls so far)`
    },
    p99 <= limitMs,
    findings
  )
}

/** Milliseconds between the first and the last replica that logged the change. */
async function spreadOf(apis: Service[], line: RegExp, since: number): Promise<number> {
  const times = await waitFor(
    () => {
      const first = apis.map((api) => api.log.times(line, since)[0])
      return first.every((time) => time !== undefined) ? (first as number[]) : undefined
    },
    { timeoutMs: 10_000, intervalMs: 5, what: `${line} on every replica` }
  )
  return Math.max(...times) - Math.min(...times)
}
