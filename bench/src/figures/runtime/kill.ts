import { waitFor } from '@semibot/stack'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { openEnds, recordedKeys, repeated } from './effects.ts'
import { type Scene, startScene } from './scene.ts'

const STEPS = 8

/** One of two instances dies while runs are under way on both. */
export const killScenario: Scenario = {
  name: 'kill',
  about: 'kill -9 of one of two instances, with runs of 8 tool steps in flight',
  run: async (context) => {
    const scene = await startScene(context.base, 2)
    try {
      return await strike(scene, context)
    } finally {
      await scene.stop()
    }
  }
}

async function strike(scene: Scene, { quick }: FigureContext): Promise<Figure[]> {
  const count = quick ? 10 : 50
  const chats = Array.from({ length: count }, (_, index) => {
    const tool = index % 2 === 0 ? 'effect_idempotent' : 'effect_none'
    return scene.work({ tool, steps: STEPS, input: { beforeMs: 400 }, words: index % 3 === 0 ? 4 : 0 })
  })
  await Promise.all(chats.map(({ started }) => started))
  // In the middle: every run is in its third step, or later.
  const begun = () => scene.effects().filter(({ phase, text }) => phase === 'begun' && text === '3').length
  await waitFor(() => begun() >= count * 0.9, { what: 'the third step', timeoutMs: 60_000 })
  const [victim, survivor] = scene.runtimes
  const recorded = await recordedKeys(scene.database)
  const killedAt = Date.now()
  victim!.kill('SIGKILL')
  const ends = await Promise.all(chats.map(({ ended }) => ended))

  const lines = scene.effects()
  const struck = new Set(
    lines.filter(({ pid, at }) => pid === victim!.pid && at <= killedAt).map(({ executionId }) => executionId)
  )
  const there = [...struck].filter((id) => (ends.find((chat) => chat.executionId === id)?.endedAt ?? 0) > killedAt)
  const resumed = lines.filter((line) => line.pid === survivor!.pid && there.includes(line.executionId))
  const firstAt = Math.min(...resumed.map(({ at }) => at))
  const lastAt = Math.max(
    ...there.map((id) => Math.min(...resumed.filter((line) => line.executionId === id).map(({ at }) => at)))
  )
  const finished = ends.filter(({ problem }) => problem === '').length
  const problem = ends.find((chat) => chat.problem !== '')?.problem
  const again = repeated(lines, 'begun')
  const finishedAgain = again.filter((key) => recorded.has(key))
  const twice = repeated(lines, 'effect')
  const open = await openEnds(scene.database)
  const fault = 'kill -9 of one of two instances'
  return [
    figure(
      {
        fault: `${fault}: runs`,
        asked: `${count} of ${count} finish`,
        measured: `${finished} of ${count}, ${there.length} of them on the instance that died${problem === undefined ? '' : ` (${problem})`}; ${open.runs} runs left open`
      },
      finished === count && there.length > 0 && open.runs === 0,
      []
    ),
    figure(
      {
        fault: `${fault}: finished steps repeated`,
        asked: '0',
        measured: `${finishedAgain.length} of ${recorded.size}; ${again.length} were under way and begun again`
      },
      finishedAgain.length === 0,
      []
    ),
    figure(
      {
        fault: `${fault}: effects twice`,
        asked: '0',
        measured: `${twice.length} of ${lines.filter(({ phase }) => phase === 'effect').length}`
      },
      twice.length === 0,
      []
    ),
    figure(
      {
        fault: `${fault}: first resumed step`,
        asked: '<= 3 s',
        measured: `first ${seconds(firstAt - killedAt)}, that of the last run ${seconds(lastAt - killedAt)}`
      },
      firstAt - killedAt <= 3000,
      []
    )
  ]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
