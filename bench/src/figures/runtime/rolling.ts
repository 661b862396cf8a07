import { setTimeout as pause } from 'node:timers/promises'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { startLoad } from '../load/start-load.ts'
import { summarizeLoad } from '../load/summary.ts'
import { loadMessages } from '../rate.ts'
import { repeated } from './effects.ts'
import { type Scene, startScene } from './scene.ts'

/** Both instances are restarted, one after the other, while chats with and without tools come in. */
export const rollingScenario: Scenario = {
  name: 'rolling',
  about: 'SIGTERM under load, rolling restart of two instances',
  run: async (context) => {
    const scene = await startScene(context.base, 2, { runtimeEnv: () => ({ SHUTDOWN_GRACE_MS: '3000' }) })
    try {
      return await restartBoth(scene, context)
    } finally {
      await scene.stop()
    }
  }
}

async function restartBoth(scene: Scene, { base, quick }: FigureContext): Promise<Figure[]> {
  const rate = quick ? 5 : 20
  const seconds = quick ? 12 : 30
  const plain = startLoad({
    apis: [scene.api.url],
    apiKey: base.runtimeOrg.apiKey,
    rate,
    chats: rate * seconds,
    rampMs: 0,
    messages: await loadMessages(base),
    timeoutMs: 60_000
  })
  const every = quick ? 1000 : 500
  const tools: ReturnType<Scene['work']>[] = []
  const feed = setInterval(
    () => tools.push(scene.work({ tool: 'effect_idempotent', steps: 5, input: { beforeMs: 700 }, words: 3 })),
    every
  )
  await pause(2000)
  const exits: string[] = []
  for (const index of [0, 1]) {
    const leaving = scene.runtimes[index]!
    const askedAt = performance.now()
    await leaving.stop()
    exits.push(`${((performance.now() - askedAt) / 1000).toFixed(1)} s`)
    await scene.restart(index)
  }
  clearInterval(feed)
  const ends = await Promise.all(tools.map(({ ended }) => ended))
  const summary = summarizeLoad(await plain.records)
  const failed = ends.filter(({ problem }) => problem !== '')
  const transitions = await scene.metric('chat_runtime_fallback_transitions_total')
  const handedOver = scene.api.log.count('[RuntimeAdapter] 执行转由另一实例继续')
  const twice = repeated(scene.effects(), 'effect')
  return [
    figure(
      {
        fault: 'rolling restart of two instances under load: chats',
        asked: '0 failed',
        measured: `${summary.failed} of ${summary.chats} chats without tools and ${failed.length} of ${ends.length} with tools failed${failed[0] === undefined ? '' : ` (${failed[0].problem})`}${summary.problem === '' ? '' : ` (${summary.problem})`}; ${handedOver} went on elsewhere; the instances took ${exits.join(' and ')} to end`
      },
      summary.failed === 0 && failed.length === 0 && handedOver > 0,
      []
    ),
    figure(
      {
        fault: 'rolling restart of two instances under load: the breaker',
        asked: 'no fallback, no effect twice',
        measured: `${transitions} transitions, ${twice.length} effects twice`
      },
      transitions === 0 && twice.length === 0,
      []
    )
  ]
}
