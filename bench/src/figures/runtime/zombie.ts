import { setTimeout as pause } from 'node:timers/promises'
import { waitFor } from '@semibot/stack'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { repeated } from './effects.ts'
import { type Scene, startScene } from './scene.ts'

const STEPS = 6
/** Time for a woken process to do what it should not. */
const AFTER_WAKING_MS = 3000

/** One of two instances is paused past its lease, and wakes up when others have done its work. */
export const zombieScenario: Scenario = {
  name: 'zombie',
  about: 'SIGSTOP of one of two instances past its lease, then SIGCONT',
  run: async (context) => {
    const scene = await startScene(context.base, 2)
    try {
      return [
        await pauseAndWake(scene, context, 'effect_idempotent'),
        await pauseAndWake(scene, context, 'effect_unsafe')
      ]
    } finally {
      await scene.stop()
    }
  }
}

async function pauseAndWake(scene: Scene, { quick, base }: FigureContext, tool: string): Promise<Figure> {
  const count = quick ? 6 : 20
  const linesBefore = scene.effects().length
  const chats = Array.from({ length: count }, () => scene.work({ tool, steps: STEPS, input: { beforeMs: 300 } }))
  const own = () => scene.effects().slice(linesBefore)
  const second = () => own().filter(({ phase, text }) => phase === 'begun' && text === '2').length
  await waitFor(() => second() >= count * 0.9, { what: 'the second step', timeoutMs: 60_000 })
  const zombie = scene.runtimes[0]!
  const struck = new Set(own().flatMap(({ pid, executionId }) => (pid === zombie.pid ? [executionId] : [])))
  zombie.kill('SIGSTOP')
  const ends = await Promise.all(chats.map(({ ended }) => ended))
  const asleep = own().length
  const calls = (await base.simulator.stats()).started ?? 0
  zombie.kill('SIGCONT')
  await pause(AFTER_WAKING_MS)
  const woken = own().slice(asleep)
  const begun = woken.filter(({ phase }) => phase === 'begun').length
  const asked = ((await base.simulator.stats()).started ?? 0) - calls
  const failed = ends.filter(({ problem }) => problem !== '')
  const twice = repeated(own(), 'effect')
  const unsafeAgain = tool === 'effect_unsafe' ? repeated(own(), 'begun').length : 0
  await waitFor(async () => (await scene.metric('chat_runtime_instance_up')) === 2, {
    what: 'the woken instance',
    timeoutMs: 30_000
  })
  return figure(
    {
      fault: `SIGSTOP, then SIGCONT past the lease: ${tool}`,
      asked: 'nothing done twice, nothing begun by the zombie',
      measured: `${count - failed.length} of ${count} finish (${struck.size} on the zombie)${failed[0] === undefined ? '' : ` (${failed[0].problem})`}; effects twice ${twice.length}; after waking ${begun} tools and ${asked} model calls begun${tool === 'effect_unsafe' ? `; unsafe tools begun twice ${unsafeAgain}` : ''}`
    },
    failed.length === 0 && struck.size > 0 && twice.length === 0 && begun === 0 && asked === 0 && unsafeAgain === 0,
    []
  )
}
