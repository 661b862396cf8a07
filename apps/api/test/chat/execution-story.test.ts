import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import fc from 'fast-check'
import t from 'tap'
import type { ChatExecution } from '../../src/adapters/chat-executor.ts'
import { ExecutionStory } from '../../src/chat/execution-story.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'
import { textOf } from '../helpers/chat-client.ts'

const ids = { executionId: 'e', sessionId: 's', messageId: 'm', orgId: 'o', userId: null }
const execution = { ...ids, agent: { model: 'simulator' }, traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }

function begin() {
  const events = new MemoryEventLog().open(ids)
  const story = new ExecutionStory(execution as unknown as ChatExecution, events)
  story.begin('runtime_orchestrator', 1)
  const told = (): ChatEvent[] => {
    const reader = events.read(0, () => {})
    const all: ChatEvent[] = []
    for (let event = reader.next(); event !== undefined; event = reader.next()) all.push(event)
    return all
  }
  const say = (delta: string) => {
    story.tell({ type: 'message.started', messageId: 'm' })
    story.tell({ type: 'message.delta', messageId: 'm', delta })
  }
  return { story, events, told, say }
}

t.test(
  'an instance that goes on with the answer makes the client have exactly its text, whatever it had',
  async (t) => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 8 }),
        fc.string({ maxLength: 8 }),
        fc.string({ maxLength: 8 }),
        (done, had, more) => {
          const { story, told, say } = begin()
          say(had)
          if (!story.rewind(done, 1, true)) return false
          say(more)
          return story.answer.text === done + more && textOf(told()) === done + more
        }
      )
    )
    t.pass('held for every text')
  }
)

t.test('nothing is told when the client has it all, and the rest when it lacks some', (t) => {
  const { story, told, say } = begin()
  say('One. ')
  const before = told().length
  t.ok(story.rewind('One. ', 1, false))
  t.equal(told().length, before)
  t.ok(story.rewind('One. Two. ', 1, false))
  t.match(told().slice(before), [{ type: 'message.delta', delta: 'Two. ' }])
  t.end()
})

t.test('whoever is told the whole answer has been told all of its text, piece by piece', (t) => {
  for (const had of ['', 'One. ', 'One. Two.']) {
    const { story, told, say } = begin()
    say(had)
    const before = told().length
    story.tell({ type: 'message.completed', messageId: 'm', content: 'One. Two.', finishReason: 'stop' })
    t.equal(textOf(told()), 'One. Two.')
    t.equal(told().filter(({ type }) => type === 'message.started').length, 1)
    t.equal(told().length, before + (had === 'One. Two.' ? 1 : 2))
  }
  const { story, told, say } = begin()
  say('Another')
  const before = told().length
  story.tell({ type: 'message.completed', messageId: 'm', content: 'The answer', finishReason: 'stop' })
  t.equal(told().length, before + 1, 'what does not follow is not made to')
  t.end()
})

t.test('an unfinished part is taken back and the finished one given anew, or not at all', (t) => {
  const { story, told, say } = begin()
  say('One. Tw')
  t.equal(story.rewind('One. ', 1, false), false, 'this client cannot forget')
  t.equal(textOf(told()), 'One. Tw')
  t.ok(story.rewind('One. ', 1, true))
  t.match(
    told().find(({ type }) => type === 'execution.fallback'),
    { from: 'runtime_orchestrator', to: 'runtime_orchestrator', discardedMessageIds: ['m'], discardedToolCallIds: [] }
  )
  t.equal(textOf(told()), 'One. ')
  t.end()
})

t.test('a chat that another runtime goes on with has not fallen back, one that the model answers has', (t) => {
  const { story, events, told, say } = begin()
  const announced = () => told().filter(({ type }) => type === 'execution.fallback').length
  say('One. Tw')
  story.rewind('One. ', 1, true)
  t.equal(announced(), 1)
  t.notOk(events.fellBack)
  story.fallBack({ reasonCode: 'RUNTIME_UNAVAILABLE', reason: 'gone', attempt: 2, retract: false })
  story.begin('direct_llm', 2)
  t.equal(announced(), 2)
  t.ok(events.fellBack)
  t.end()
})

t.test('a tool call that is told of again is not told to the client', (t) => {
  const { story, told } = begin()
  const started = {
    type: 'tool.started',
    toolCallId: 'a',
    name: 'x',
    source: 'mcp',
    effect: 'unsafe',
    input: {}
  } as const
  const finished: ChatEventBody = { type: 'tool.finished', toolCallId: 'a', status: 'ok', durationMs: 1 }
  for (const event of [started, started, finished, started, finished]) story.tell(event)
  t.same(
    told().map(({ type }) => type),
    ['execution.started', 'tool.started', 'tool.finished']
  )
  t.same(story.answer.openUnsafeTools, [], 'and is not open again')
  t.end()
})
