import { randomUUID } from 'node:crypto'
import type { ChatEvent } from '@semibot/chat-protocol'
import { createDatabase, type DatabaseHandle } from '@semibot/db'
import type { Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { EFFECTS_ENTRY, type EffectLine, effectsFile, readEffects, recordedKeys, repeated } from './effects.ts'
import { tapJournal } from './journal-tap.ts'

const STEPS = 2
const TOKEN = 'figures-service-token-0123456789abcdef'
/** Points that are tried at the same time. */
const LANES = 3
/** More statements about the journal than a run has. */
const MOST_STATEMENTS = 40

/** Where a process dies: at a statement of its journal, or in a tool. */
type Point =
  | { kind: 'journal'; statement: number; side: 'before' | 'after' }
  | { kind: 'tool'; side: 'before' | 'after' }

interface Trial {
  /** The run came so far; otherwise it ended before. */
  isReached: boolean
  problem: string
  unknown: number
}

interface Sweep {
  context: FigureContext
  database: DatabaseHandle
  file: string
  /** Goes on with what others began. */
  successor: Service
}

/** A process is killed before and after each statement of its journal, and before and after each effect. */
export const journalPointsScenario: Scenario = {
  name: 'points',
  about: 'kill -9 at every point of the journal',
  run: async (context) => {
    const { base } = context
    const file = effectsFile()
    const database = createDatabase({ url: base.databaseUrl, max: 4, applicationName: 'semibot-figures' })
    const env = { RUNTIME_SERVICE_TOKEN: TOKEN, EFFECTS_FILE: file }
    const successor = await base.startRuntime(env, EFFECTS_ENTRY)
    const sweep = { context, database, file, successor }
    try {
      return [await sweepPoints(sweep, 'effect_idempotent'), await sweepPoints(sweep, 'effect_unsafe')]
    } finally {
      await successor.stop()
      await database.close()
    }
  }
}

async function sweepPoints(sweep: Sweep, tool: string): Promise<Figure> {
  const sides = ['before', 'after'] as const
  const inTools: Point[] = sides.map((side) => ({ kind: 'tool', side }))
  const inJournal: Point[] = Array.from({ length: MOST_STATEMENTS }, (_, index) =>
    sides.map((side): Point => ({ kind: 'journal', statement: index + 1, side }))
  ).flat()
  // The quick run takes some; the full one goes on until a run has no further statement.
  const points = sweep.context.quick ? [...inTools, ...inJournal.slice(2, 5)] : [...inTools, ...inJournal]
  const trials: Trial[] = []
  let isOver = false
  const lane = async () => {
    for (let point = points.shift(); point !== undefined && !isOver; point = points.shift()) {
      const trial = await tryPoint(sweep, tool, point)
      if (trial.isReached) trials.push(trial)
      else isOver = true
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const problems = trials.flatMap(({ problem }) => (problem === '' ? [] : [problem]))
  const unknown = trials.reduce((sum, trial) => sum + trial.unknown, 0)
  return figure(
    {
      fault: `kill -9 at every point of the journal: ${tool}`,
      asked: 'each run finishes, nothing twice, finished steps not repeated',
      measured: `${trials.length - problems.length} of ${trials.length} points${isOver ? ', all there are' : ''}${problems[0] === undefined ? '' : ` (${problems[0]})`}; ${unknown} steps of unknown result`
    },
    problems.length === 0 && trials.length > 0,
    []
  )
}

async function tryPoint(sweep: Sweep, tool: string, point: Point): Promise<Trial> {
  const { context, file, database, successor } = sweep
  const { base } = context
  const orgId = base.runtimeOrg.id
  const steps = point.kind === 'tool' ? 1 : STEPS
  const name = point.kind === 'tool' ? `${point.side} the effect` : `${point.side} statement ${point.statement}`
  const tap = point.kind === 'journal' ? await tapJournal(base.databaseUrl, point.statement, point.side) : undefined
  const env = {
    RUNTIME_SERVICE_TOKEN: TOKEN,
    EFFECTS_FILE: file,
    ...(tap === undefined ? {} : { DATABASE_URL: tap.url })
  }
  const victim = await base.startRuntime(env, EFFECTS_ENTRY)
  const body = request(orgId, tool, steps, point.kind === 'tool' ? { kill: point.side } : {})
  try {
    const first = read(victim.url, body).catch(() => [] as ChatEvent[])
    const isReached = await Promise.race([
      (tap?.reached ?? never()).then(() => true),
      first.then((events) => events.at(-1)?.type !== 'execution.completed')
    ])
    if (!isReached) return { isReached, problem: '', unknown: 0 }
    victim.kill('SIGKILL')
    await first
    const recorded = await recordedKeys(database)
    const events = await read(successor.url, body, { 'x-semibot-resume': '1' })
    const lines = readEffects(file).filter(({ executionId }) => executionId === body.executionId)
    const unknown = events.filter((event) => event.type === 'tool.finished' && event.status === 'unknown').length
    const problem = problemOf(events, lines, recorded, { tool, steps, unknown })
    return { isReached, problem: problem === '' ? '' : `${name}: ${problem}`, unknown }
  } catch (error) {
    return { isReached: true, problem: `${name}: ${(error as Error).message}`, unknown: 0 }
  } finally {
    await victim.stop()
    tap?.close()
  }
}

function problemOf(
  events: ChatEvent[],
  lines: EffectLine[],
  recorded: ReadonlySet<string>,
  { tool, steps, unknown }: { tool: string; steps: number; unknown: number }
): string {
  const last = events.at(-1)
  if (last?.type !== 'execution.completed') return `ended with ${JSON.stringify(last)?.slice(0, 150)}`
  if (repeated(lines, 'effect').length > 0) return 'an effect came twice'
  const again = repeated(lines, 'begun')
  if (again.some((key) => recorded.has(key))) return 'a finished step was repeated'
  const effects = lines.filter(({ phase }) => phase === 'effect').length
  if (tool === 'effect_idempotent') return effects === steps && unknown === 0 ? '' : `${effects} of ${steps} effects`
  if (again.length > 0) return 'an unsafe tool was begun twice'
  // Once its result is unknown the tool is not run again in this execution, whatever the model asks for.
  const isWhole = unknown === 0 ? effects === steps : unknown === 1
  return isWhole ? '' : `${effects} of ${steps} effects, ${unknown} unknown`
}

function request(orgId: string, tool: string, steps: number, input: object = {}) {
  const call = JSON.stringify({ text: '$round', ...input })
  return {
    executionId: randomUUID(),
    orgId,
    sessionId: randomUUID(),
    userId: null,
    messageId: randomUUID(),
    message: `Do it. [[sim:steps=${steps} vary]][[sim:call=${tool} ${call}]]`,
    history: [],
    agent: { id: 'figures', slug: 'figures', systemPrompt: '', model: 'simulator', tools: [tool] }
  }
}

/** All events of an execution; what came, when the connection breaks. */
async function read(url: string, body: object, headers: Record<string, string> = {}): Promise<ChatEvent[]> {
  const response = await fetch(`${url}/api/v1/execute/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000)
  })
  if (!response.ok) throw new Error(`the runtime answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
  const text: string[] = []
  try {
    const decoder = new TextDecoder()
    for await (const piece of response.body ?? []) text.push(decoder.decode(piece as Uint8Array, { stream: true }))
  } catch {
    // It was killed.
  }
  const data = text
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('data: '))
  return data.map((line) => JSON.parse(line.slice(6)) as ChatEvent)
}

function never(): Promise<never> {
  return new Promise(() => undefined)
}
