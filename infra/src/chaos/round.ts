import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { runClient } from './clients.ts'
import { judgeEffects, readEffects } from './effects.ts'
import { describeStrike, planStrikes } from './plan.ts'
import { createRandom } from './random.ts'
import { createReport, INVARIANTS, type Invariant, type Report } from './report.ts'
import { judgeRecovered, judgeSettled } from './settle.ts'
import { startStack } from './stack.ts'
import { judgeStored } from './stored.ts'
import { strikeAll } from './strike.ts'
import type { World } from './world.ts'

export interface RoundOptions {
  name: string
  seed: number
  /** How long faults come, milliseconds. */
  lengthMs: number
  runtimes: number
  workers: number
  clients: number
  say: (line: string) => void
}

/** One round: a stack of its own, faults and clients, and then what must hold. */
export async function runRound(options: RoundOptions): Promise<Report> {
  const { name, seed, lengthMs, clients, say } = options
  const logFolder = join(REPOSITORY_ROOT, `infra/.tap/chaos/${seed}-${name}`)
  let note: (text: string) => void = () => {}
  const report = createReport((text) => note(text))
  const onDeath = (what: string) => report.violated('processes', what)
  const stack = await startStack({ ...options, logFolder, onDeath })
  note = stack.note
  try {
    const random = createRandom(seed).fork(name)
    const strikes = planStrikes(random.fork('faults'), stack.targets, lengthMs)
    for (const strike of strikes) stack.note(`planned: ${describeStrike(strike)}`)
    const world: World = { stack, report, chats: [], stopping: false }
    const chatting = Array.from({ length: clients }, (_unused, index) =>
      runClient(world, random.fork(`client ${index}`), `client-${index}`)
    )
    await strikeAll(stack, strikes, ({ kind }) => report.count(`faults: ${kind}`))
    world.stopping = true
    await Promise.all(chatting)
    stack.note('the clients have ended')
    const settledMs = await judgeSettled(world)
    const recoveredMs = await judgeRecovered(world)
    judgeEffects(report, stack.effectsFile, world.chats, await judgeStored(world))
    report.checked('processes', stack.apis.length + stack.runtimes.length)
    const effects = readEffects(stack.effectsFile).filter(({ phase }) => phase === 'effect').length
    say(`${name}: ${world.chats.length} chats, ${strikes.length} faults, ${effects} effects of tools`)
    say(`the longest wait for an end ${seconds(report.longestMs)}`)
    say(HAPPENED.map(([what, message]) => `${what} ${stack.book.count(message)}`).join(', '))
    say(`settled ${seconds(settledMs)} and recovered ${seconds(recoveredMs)} after the last client`)
  } finally {
    await stack.stop()
  }
  tell(report, say)
  say(`logs of each process: ${logFolder}`)
  return report
}

/** What the processes do about faults, as their logs call it. */
const HAPPENED = [
  ['runs that went on at another runtime', /执行转由另一实例继续/],
  ['taken over from the journal', /execution taken over/],
  ['lost to another process', /execution lost/],
  ['executions left to other apis', /执行留给其它进程继续/],
  ['adopted by one', /由本进程接管/],
  ['sessions released', /会话已释放/],
  ['openings of the breaker', /触发自动回退/]
] as const

const OTHERS = [
  'resumed',
  'stream cut',
  'client left',
  'told whole at the end only',
  'answered again by the key',
  'refused, and stored all the same',
  'runs that an api will end'
]

/** What may happen under faults, counted. */
function tell(report: Report, say: (line: string) => void): void {
  for (const what of ['chats', 'faults', 'told', 'refused', 'no answer', 'fallback']) {
    say(`${what}: ${report.counts(`${what}: `)}`)
  }
  say(OTHERS.map((what) => `${what} ${report.countOf(what)}`).join(', '))
  for (const key of Object.keys(INVARIANTS) as Invariant[]) {
    const violations = report.violationsOf(key)
    say(
      `${violations.length === 0 ? 'holds' : 'VIOLATED'}: ${INVARIANTS[key]} (${report.checksOf(key)} looks, ${violations.length} violations)`
    )
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
