import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import fc from 'fast-check'
import t from 'tap'
import type { ChatExecution } from '../../src/adapters/chat-executor.ts'
import { type AdoptedStory, type AdoptedStoryOptions, recallStory } from '../../src/chat/adopted-story.ts'
import { EventMirror } from '../../src/chat/event-mirror.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'
import { textOf } from '../helpers/chat-client.ts'
import { startedEvent } from '../helpers/started-event.ts'

const identity = { executionId: 'e', sessionId: 's', messageId: 'm', orgId: 'o', userId: null }
const execution = identity as unknown as ChatExecution
const delta = (text: string): ChatEventBody => ({ type: 'message.delta', messageId: 'm', delta: text })
const begin: ChatEventBody[] = [startedEvent(), { type: 'message.started', messageId: 'm' }]

/** As the api tells them, and as the runtime counts them. */
function numbered(bodies: readonly ChatEventBody[]): ChatEvent[] {
  return bodies.map((body, index) => ({ ...body, seq: index + 1, ts: 1_700_000_000_000 + index }))
}

function fakeMirror(): AdoptedStoryOptions['mirror'] & { copied: number[] } {
  const copied: number[] = []
  return {
    copied,
    add: (_, from) => void copied.push(from?.after ?? 0),
    complete: async () => true,
    isBehind: () => false
  }
}

async function recall(told: ChatEvent[], mirror = fakeMirror()) {
  const log = new MemoryEventLog()
  const { copied } = mirror
  const takeOver = async () => ({ epoch: 1, batches: [{ identity, events: told }] })
  const story = await recallStory({ takeOver, mirror, events: log }, execution)
  return { story, log, copied }
}

function allOf({ events }: AdoptedStory): ChatEvent[] {
  const reader = events.read(0, () => {})
  const all: ChatEvent[] = []
  for (let event = reader.next(); event !== undefined; event = reader.next()) all.push(event)
  return all
}

const pieces = fc.array(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 80 })

t.test('a story goes on under the numbers that the dead process gave, wherever its copy ends', async (t) => {
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(100), async (texts, cut) => {
      const all = numbered([...begin, ...texts.map(delta)])
      const told = all.slice(0, Math.max(1, Math.min(cut, all.length)))
      const { story, copied } = await recall(told)
      if (story === undefined || copied[0] !== told.length) return false
      const heard = all.slice(story.after).every(({ seq, ts, ...body }) => story.hear(body as ChatEventBody, seq))
      const known = allOf(story)
      return (
        heard &&
        story.text === texts.join('') &&
        textOf(known) === texts.join('') &&
        known.every(({ seq }, index) => seq === index + 1)
      )
    })
  )
  t.pass('held for every text')
})

t.test('events that do not go on from those that were told are not taken for them', async (t) => {
  const told = numbered([...begin, delta('One '), delta('two ')])
  const hear = async (body: ChatEventBody, seq: number) => {
    const { story } = await recall(told)
    return { taken: story?.hear(body, seq), text: story?.text }
  }
  t.same(await hear(delta('two '), 4), { taken: true, text: 'One two ' }, 'what is known is compared')
  t.same(await hear(delta('2'), 4), { taken: false, text: 'One two ' }, 'another text')
  t.same(await hear(delta('four'), 6), { taken: false, text: 'One two ' }, 'a hole')
  t.same(await hear({ type: 'message.started', messageId: 'm' }, 5), { taken: false, text: 'One two ' }, 'not told on')
  t.same(await hear({ ...startedEvent(), resumed: { text: '' } } as ChatEventBody, 1), {
    taken: false,
    text: 'One two '
  })
})

t.test(
  'an instance that took the run over, and so is far behind in its numbers, is not taken for silent',
  async (t) => {
    const texts = Array.from({ length: 100 }, (_, index) => `${index} `)
    const { story } = await recall(numbered([...begin, ...texts.map(delta)]))
    t.ok(story!.after > 21)
    t.equal(story?.hear(delta('new'), 21), false, 'its events are none that were told long ago')
    t.equal(story?.hear(delta('100 '), 103), true)
    t.equal(story?.hear(delta('other'), 103), false, 'nor, after a new start, what was told on meanwhile')
  }
)

t.test('an instance that counts otherwise tells from where it stands, and whole texts are told once', async (t) => {
  const { story } = await recall(numbered([...begin, delta('One ')]))
  t.ok(story?.reader.rewind?.('One two '))
  t.equal(story?.text, 'One two ')
  t.equal(story?.hear(delta('three'), 5), false, 'its numbers mean nothing from here on')
  story?.reader.emit(delta('three'))
  story?.close({ content: 'One two three', finishReason: 'stop' })
  story?.close({ content: 'One two three', finishReason: 'stop' })
  const types = allOf(story!).map(({ type }) => type)
  t.equal(types.filter((type) => type === 'message.completed').length, 1)
  t.equal(types.filter((type) => type === 'execution.fallback').length, 0)
  t.equal(textOf(allOf(story!)), 'One two three')
})

t.test('what is heard at once, of all the time since the death, is copied without a hole', async (t) => {
  const copy: number[] = []
  const append = async (_: unknown, events: ChatEvent[]) => {
    copy.push(...events.map(({ seq }) => seq))
    return copy.at(-1) ?? 2
  }
  const mirror = new EventMirror({ append, abandon: async () => void copy.splice(0) })
  t.teardown(() => mirror.flush())
  const { story } = await recall(numbered(begin), Object.assign(mirror, { copied: [] }))
  const { flow } = story!.reader
  for (let seq = 3; seq < 6000; seq++) {
    story?.hear(delta('x'), seq)
    // As a stream reads: piece by piece.
    if (seq % 300 === 0 && flow.congested) await new Promise<void>((resolve) => flow.onDrained(resolve))
  }
  t.ok(await mirror.complete('e'))
  t.strictSame(
    copy,
    Array.from({ length: 5997 }, (_, index) => index + 3)
  )
})

t.test('a whole text that was taken back is told anew', async (t) => {
  const whole = (content: string) =>
    ({ type: 'message.completed', messageId: 'm', content, finishReason: 'stop' }) as const
  const { story } = await recall(numbered([...begin, delta('One '), delta('two'), whole('One two')]))
  // The runtime died before it had written that down.
  t.ok(story?.reader.rewind?.('One '))
  story?.reader.emit(delta('three'))
  story?.reader.emit(whole('One three'))
  story?.close({ content: 'One three', finishReason: 'stop' })
  t.match(allOf(story!).at(-1), whole('One three'))
  t.equal(allOf(story!).filter(({ type }) => type === 'message.completed').length, 2)
  t.equal(textOf(allOf(story!)), 'One three')
})

t.test('what was not told from the first event on, or has ended, is not told on', async (t) => {
  const whole = numbered([...begin, delta('a'), delta('b')])
  const end: ChatEventBody = { type: 'execution.cancelled', reason: 'user' }
  for (const told of [[], whole.slice(1), [whole[0]!, whole[2]!], numbered([...begin, end])]) {
    const { story, log } = await recall(told)
    t.equal(story, undefined)
    t.equal(log.get('e'), undefined, 'and whoever asks is answered from what is stored')
  }
})

t.test('a story that another process ended is forgotten', async (t) => {
  const { story, log } = await recall(numbered([...begin, delta('a')]))
  t.ok(log.get('e'))
  await story?.leave()
  t.ok(story?.events.failed, 'its readers are told to ask again')
  t.equal(log.get('e'), undefined)
})
