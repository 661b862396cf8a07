import { setTimeout as pause } from 'node:timers/promises'
import { waitFor } from '@semibot/stack'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { countByKey, openEnds, repeated } from './effects.ts'
import { type Scene, startScene } from './scene.ts'

const STEPS = 8
/** As in the chaos tests of DBOS: every 5 to 20 s, down for at most 5 s. */
const BETWEEN_MS = [5_000, 20_000] as const
const DOWN_MS = [200, 4_000] as const

/** The database dies and comes back, again and again, while runs go on. */
export const postgresScenario: Scenario = {
  name: 'postgres',
  about: 'PostgreSQL is killed and started again every 5-20 s while runs go on',
  run: async (context) => {
    const scene = await startScene(context.base, 2)
    try {
      return await shake(scene, context)
    } finally {
      await scene.stop()
    }
  }
}

async function shake(scene: Scene, { base, quick, report }: FigureContext): Promise<Figure[]> {
  const until = performance.now() + (quick ? 25_000 : 5 * 60_000)
  const wanted = quick ? 4 : 10
  const chats: ReturnType<Scene['work']>[] = []
  let restarts = 0
  let refused = 0
  let feeding = true
  // A steady number of runs under way. What is not accepted while the database is away was promised to nobody.
  const feed = async () => {
    while (feeding) {
      const chat = scene.work({ tool: 'effect_idempotent', steps: STEPS, input: { beforeMs: 300 }, words: 3 })
      if ((await chat.started) === '') {
        refused++
        await pause(500)
        continue
      }
      chats.push(chat)
      await chat.ended
    }
  }
  const feeds = Array.from({ length: wanted }, feed)
  while (performance.now() < until) {
    await pause(between(BETWEEN_MS))
    await base.restartPostgres(between(DOWN_MS))
    restarts++
    report(`postgres: ${restarts} restarts, ${chats.length} runs`)
  }
  feeding = false
  await Promise.all(feeds)
  const ends = await Promise.all(chats.map(({ ended }) => ended))
  const failed = ends.filter(({ problem }) => problem !== '')
  const settled = async () => (await openEnds(scene.database)).runs === 0
  await waitFor(settled, { what: 'every run to end in the journal', timeoutMs: 20_000 }).catch(() => undefined)
  const open = await openEnds(scene.database)
  const lines = scene.effects()
  const lacking = ends.filter(({ executionId, problem }) => {
    const effects = countByKey(
      lines.filter((line) => line.executionId === executionId),
      'effect'
    )
    return problem === '' && effects.size !== STEPS
  })
  const twice = repeated(lines, 'effect')
  return [
    figure(
      {
        fault: `PostgreSQL killed ${restarts} times: runs`,
        asked: 'all finish',
        measured: `${ends.length - failed.length} of ${ends.length}${failed[0] === undefined ? '' : ` (${failed[0].problem})`}; ${refused} were refused at the door while the database was away`
      },
      restarts > 0 && ends.length > 0 && failed.length === 0,
      []
    ),
    figure(
      {
        fault: `PostgreSQL killed ${restarts} times: journal`,
        asked: 'consistent',
        measured: `${open.runs} runs left open, ${open.steps} steps without a result in finished runs, ${lacking.length} finished runs that lack an effect, ${twice.length} effects twice`
      },
      open.runs === 0 && open.steps === 0 && lacking.length === 0 && twice.length === 0,
      []
    )
  ]
}

function between([from, to]: readonly [number, number]): number {
  return from + Math.random() * (to - from)
}
