import { setTimeout as pause } from 'node:timers/promises'
import { openIncident, waitFor } from '@semibot/stack'
import type { Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { clock, runChat } from '../load/chat-stream.ts'
import { FALLBACK_DISABLED, FALLBACK_ENABLED } from './log-lines.ts'

const LIMIT_MS = 15_000

/** The runtime comes back, and nobody chats. */
export const recoveryScenario: Scenario = {
  name: 'recovery',
  about: 'recovery after the runtime is back, without user traffic',
  async run(context) {
    const figures = [await recovery(context, 'restart', 1000)]
    if (!context.quick)
      figures.push(await recovery(context, 'SIGCONT', 1000), await recovery(context, 'restart', 30_000))
    return figures
  }
}

async function recovery(context: FigureContext, how: 'restart' | 'SIGCONT', outageMs: number): Promise<Figure> {
  const { base } = context
  let runtime: Service = await base.startRuntime()
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
  try {
    const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
    runtime.kill(how === 'restart' ? 'SIGKILL' : 'SIGSTOP')
    await waitFor(() => api.log.times(FALLBACK_ENABLED)[0], { timeoutMs: 10_000, what: 'the fallback' })
    await pause(outageMs)
    if (how === 'SIGCONT') runtime.kill('SIGCONT')
    else runtime = await base.startRuntime({ RUNTIME_PORT: String(runtime.port) })
    const backAt = clock()
    const disabledAt = await waitFor(() => api.log.times(FALLBACK_DISABLED)[0], {
      timeoutMs: 2 * LIMIT_MS,
      what: 'the recovery'
    }).catch(() => Number.NaN)
    const tookMs = disabledAt - backAt

    const message = await base.simulator.message('Are you back?', 10)
    const modes = new Set<string>()
    const { apiKey } = base.runtimeOrg
    for (let chats = 0; chats < 60 && !modes.has('runtime_orchestrator'); chats++) {
      const chat = await runChat({ api: new URL(api.url), apiKey, message, timeoutMs: 10_000, idle: [] })
      modes.add(chat.problem || chat.mode)
    }
    const findings = await incident.check({
      client: [{ what: 'modes of new chats', found: [...modes].join(), expected: /runtime_orchestrator$/ }],
      metric: [
        { series: 'chat_runtime_fallback_enabled', is: 0 },
        { series: 'chat_runtime_breaker_state{state="closed"}', is: 1 },
        { series: 'chat_runtime_fallback_transitions_total{to="closed",reason="recovered"}', increasedBy: 1 },
        { series: 'chat_runtime_probe_total{result="success"}', increasedBy: { atLeast: 1 } }
      ],
      log: [
        { message: FALLBACK_ENABLED, times: 1 },
        { message: '[RuntimeAdapter] 禁用自动回退 原因: 指标恢复正常', times: 1 }
      ],
      database: [
        {
          what: 'recoveries in the history',
          query:
            "select count(*) from fallback_events where created_at >= $1 and state = 'closed' and reason = 'recovered'",
          is: 1
        }
      ]
    })
    return figure(
      {
        fault: `recovery after ${how === 'restart' ? `a restart, ${outageMs / 1000} s after the trip` : 'SIGCONT'}, no traffic`,
        asked: '<= 15 s',
        measured: `${(tookMs / 1000).toFixed(1)} s`
      },
      tookMs <= LIMIT_MS,
      findings
    )
  } finally {
    await api.stop()
    await runtime.stop()
  }
}
