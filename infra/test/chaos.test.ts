import { join } from 'node:path'
import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import t from 'tap'
import { judgeEffects } from '../src/chaos/effects.ts'
import { createFrameReader } from '../src/chaos/frames.ts'
import { CALM_MS, describeStrike, MAX_AT_ONCE, planStrikes, type Target } from '../src/chaos/plan.ts'
import { createRandom } from '../src/chaos/random.ts'
import { createReport } from '../src/chaos/report.ts'
import { mixedUp, Told } from '../src/chaos/told.ts'

const TARGETS: Target[] = [
  { name: 'api-0', kind: 'service', weight: 3 },
  { name: 'runtime-0-worker', kind: 'worker', weight: 3 },
  { name: 'apis-postgres', kind: 'road', weight: 2 },
  { name: 'redis', kind: 'server', weight: 1 },
  { name: 'model', kind: 'model', weight: 1 }
]
const LENGTH_MS = 60_000

t.test('a plan of faults follows from its seed, and keeps to its bounds', async (t) => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const plan = planStrikes(createRandom(seed), TARGETS, LENGTH_MS)
    t.strictSame(plan, planStrikes(createRandom(seed), TARGETS, LENGTH_MS))
    t.ok(plan.length > 10, `${plan.length} faults in a minute`)
    for (const [index, { atMs, forMs, kind, target }] of plan.entries()) {
      seen.add(`${kind} ${target}`)
      const before = plan.slice(0, index)
      const isRight =
        atMs >= Math.max(CALM_MS, before.at(-1)?.atMs ?? 0) &&
        atMs + forMs <= LENGTH_MS &&
        before.every((other) => other.target !== target || other.atMs + other.forMs < atMs) &&
        before.filter((other) => other.atMs + other.forMs > atMs).length < MAX_AT_ONCE
      if (!isRight) t.fail(`seed ${seed}: ${describeStrike(plan[index]!)}`)
    }
  }
  t.notSame(planStrikes(createRandom(1), TARGETS, LENGTH_MS), planStrikes(createRandom(2), TARGETS, LENGTH_MS))
  t.equal(seen.size, 4 + 2 + 4 + 1 + 5, 'each kind of harm comes, to what it can be done to')
  t.equal(describeStrike({ atMs: 12_340, forMs: 0, kind: 'cut', target: 'x' }), '12.3 s: cut x')
})

t.test('parts of a program that take their chances from one seed do not change each other', async (t) => {
  const random = createRandom(7)
  const first = random.fork('one').next()
  random.next()
  t.equal(random.fork('one').next(), first)
  t.not(random.fork('two').next(), first)
})

const STARTED: ChatEventBody = {
  type: 'execution.started',
  executionId: 'e',
  sessionId: 's',
  messageId: 'm',
  mode: 'direct_llm',
  attempt: 1,
  model: 'x'
}
const COMPLETED: ChatEventBody = {
  type: 'execution.completed',
  finishReason: 'stop',
  usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
  mode: 'direct_llm',
  attempts: 1,
  latencyMs: 1
}
const delta = (text: string): ChatEventBody => ({ type: 'message.delta', messageId: 'm', delta: text })
const whole = (content: string): ChatEventBody => ({
  type: 'message.completed',
  messageId: 'm',
  content,
  finishReason: 'stop'
})

/** What a client makes of connections, each a list of numbered events. */
function tell(...connections: [seq: number, body: ChatEventBody][][]): Told {
  const told = new Told()
  for (const [index, events] of connections.entries()) {
    told.connect(index === 0)
    for (const [seq, body] of events) told.take({ ...body, seq, ts: 0 } as ChatEvent, String(seq))
  }
  return told
}

t.test('what a client was told adds up over its connections', async (t) => {
  const discarded: ChatEventBody = {
    type: 'execution.fallback',
    from: 'runtime_orchestrator',
    to: 'direct_llm',
    reason: 'x',
    reasonCode: 'RUNTIME_STALLED',
    attempt: 2,
    discardedMessageIds: ['m'],
    discardedToolCallIds: []
  }
  const retracted = tell(
    [
      [1, STARTED],
      [2, delta('wrong')]
    ],
    [
      [3, discarded],
      [4, delta('right')],
      [5, whole('right')],
      [6, COMPLETED]
    ]
  )
  t.match(retracted, { text: 'right', earlier: ['wrong'], problems: [], wasCorrected: false, end: { seq: 6 } })

  const toldAnew = tell(
    [
      [1, STARTED],
      [2, delta('the ')]
    ],
    [
      [40, STARTED],
      [41, whole('the answer')],
      [42, COMPLETED]
    ]
  )
  t.match(toldAnew, { text: 'the answer', problems: [], wasCorrected: true }, 'the stored answer has its own numbers')
})

t.test('what breaks a rule of the protocol is found', async (t) => {
  const rulesOf = ({ problems }: Told) => problems.map(({ rule }) => rule)
  t.strictSame(
    rulesOf(
      tell([
        [1, STARTED],
        [3, delta('x')]
      ])
    ),
    ['ids'],
    'a gap'
  )
  t.strictSame(
    rulesOf(
      tell(
        [
          [1, STARTED],
          [2, delta('x')]
        ],
        [[2, delta('x')]]
      )
    ),
    ['ids'],
    'a repetition'
  )
  t.strictSame(rulesOf(tell([[1, STARTED]], [[5, delta('x')]])), ['ids'], 'a gap after a cut')
  t.strictSame(
    rulesOf(
      tell([
        [1, STARTED],
        [2, STARTED]
      ])
    ),
    ['ids'],
    'a second beginning on one connection'
  )
  t.strictSame(
    rulesOf(
      tell([
        [1, STARTED],
        [2, COMPLETED],
        [3, delta('x')]
      ])
    ),
    ['terminal'],
    'more after the end'
  )
  t.strictSame(
    rulesOf(
      tell([
        [1, STARTED],
        [2, delta('x')],
        [3, whole('y')]
      ])
    ),
    ['text'],
    'another text at the end'
  )
})

t.test('an answer of which a word is missing, or that has two writers, is found', async (t) => {
  t.equal(mixedUp('a[1.1] b[2.1]\n\nIt is unknown.\n\nc[1.2] d[2.2]'), undefined)
  t.match(mixedUp('a[1.1] c[3.1]'), /word 2/)
  t.match(mixedUp('a[1.1] b[2.2]'), /word 2/)
  t.match(mixedUp('b[2.1]'), /word 1/)
  t.match(mixedUp('a[1.1]\n\na[1.1]'), /two parts of call 1/)
})

t.test('an effect that comes twice, or is missing, is found', async (t) => {
  const line = (phase: string, tool: string, executionId: string, key: string) =>
    JSON.stringify({ phase, tool, executionId, key })
  const lines = [
    line('begun', 'effect_idempotent', 'a', 'a1'),
    line('begun', 'effect_idempotent', 'a', 'a1'),
    line('effect', 'effect_idempotent', 'a', 'a1'),
    line('begun', 'effect_unsafe', 'b', 'b1'),
    line('begun', 'effect_unsafe', 'b', 'b1'),
    line('effect', 'effect_unsafe', 'b', 'b1'),
    line('effect', 'effect_unsafe', 'b', 'b1')
  ]
  const file = join(t.testdir({ effects: `${lines.join('\n')}\n` }), 'effects')
  const chat = { clientMessageId: 'x', kind: 'tools', mode: 'runtime', sessionId: 's', told: [] } as const
  const tool = { name: 'effect_idempotent', steps: 2 }
  const report = createReport(() => {})
  judgeEffects(report, file, [{ ...chat, told: [], tool, executionIds: new Set(['a']) }], new Set(['a', 'b']))
  t.strictSame(report.violationsOf('effects'), ['begun 2 times: effect_unsafe b1', 'effect 2 times: effect_unsafe b1'])
  t.strictSame(report.violationsOf('allEffects'), ['tools a: 1 of 2 effects'])
})

t.test('frames are put together from pieces', async (t) => {
  const read = createFrameReader()
  t.strictSame(read(Buffer.from('retry: 1000\n\n: stream-open\n\nid: 1\nevent: x\nda')), [])
  t.match(read(Buffer.from('ta: {"type":"message.delta","delta":"ä: b"}\n\nid: 2\n')), [
    { id: '1', event: { delta: 'ä: b' } }
  ])
})
