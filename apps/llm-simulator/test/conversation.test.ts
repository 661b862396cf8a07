import fc from 'fast-check'
import t from 'tap'
import { continueAnswer } from '../src/answer/continuation.ts'
import { recall } from '../src/answer/recall.ts'
import { tokenize, toLength } from '../src/answer/tokens.ts'
import { continueMarked, mark } from '../src/answer/variation.ts'
import { ask, startSimulator } from './fixtures/simulator.ts'

t.test('cutting a text into tokens loses nothing', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => tokenize(text).join('') === text))
  const words = fc.array(fc.constantFrom('word', ' ', '你好世界', '\n', '，', 'x'.repeat(100)), { maxLength: 30 })
  fc.assert(fc.property(words, (parts) => tokenize(parts.join('')).join('') === parts.join('')))
  t.same(tokenize('Hello big world'), ['Hello', ' big', ' world'])
  t.same(tokenize('你好世界'), ['你好', '世界'])
  t.equal(toLength(tokenize('a b'), 50, false).length, 50)
  t.match(toLength(tokenize('好'), 20, true).join(''), /没有什么含义/)
})

t.test('the answer echoes the question in its language', async (t) => {
  const simulator = await startSimulator(t)
  t.match(await simulator.text(ask('Good morning!')), /^You said: "Good morning!"\. I am the built-in simulator/)
  t.match(await simulator.text(ask('早上好')), /^你说：“早上好”。我是内置的模拟器/)
  t.match(await simulator.text(ask('')), /not been asked anything/)
  t.notMatch(await simulator.text(ask('[[sim:gap=0]] hi [[sim:delay=0]]')), /sim:/, 'directives are not echoed')
  t.match(await simulator.text(ask('x'.repeat(1000))), /x{200}…"/)
})

t.test('questions about the conversation are answered from the earlier messages', async (t) => {
  const history = [
    'Hello, my name is Ada.',
    'My favourite colour is dark green, by the way.',
    '我的城市是上海。',
    '我叫小明'
  ]
  const cases: [string, RegExp][] = [
    ['What did I say before?', /我叫小明/],
    ['What is my name?', /Your name is Ada\.$/],
    ["what's my favourite colour?", /Your favourite colour is dark green/],
    ['What is my shoe size?', /You have not told me your shoe size yet/],
    ['我之前说了什么？', /^你之前说的是：“我叫小明”/],
    ['我叫什么名字？', /你的名字是小明/],
    ['我的城市是什么？', /你的城市是上海/],
    ['我的鞋码是多少？', /你还没有告诉我你的鞋码/]
  ]
  for (const [question, answer] of cases) t.match(recall(question, history), answer, question)
  t.match(recall('What did I say before?', []), /not said anything/)
  t.match(recall('我刚才说了什么？', []), /还没有说过话/)
  for (const other of ['What is the capital of France?', 'What is my', 'hello'])
    t.equal(recall(other, history), undefined)
  t.doesNotThrow(() => recall(`What is my ${'a '.repeat(20)}?`, [`my ${'a '.repeat(5000)}`]))
})

t.test('the wire shows history: the second question is answered from the first message', async (t) => {
  const simulator = await startSimulator(t)
  const messages = [
    { role: 'user', content: 'My name is Ada. [[sim:cut=1]]' },
    { role: 'assistant', content: 'Nice to meet you.' },
    { role: 'user', content: 'What did I say before?' }
  ]
  t.equal(await simulator.text({ model: 'simulator', messages }), 'Before this you said: "My name is Ada.".')
})

t.test('a trailing assistant message is continued exactly where it stops, wherever that is', async (t) => {
  const simulator = await startSimulator(t)
  for (const question of ['Tell me more', '再说一遍']) {
    const whole = await simulator.text(ask(question))
    for (let length = 0; length <= whole.length; length += 3) {
      const prefix = whole.slice(0, length)
      const messages = [...ask(question).messages, { role: 'assistant', content: prefix }]
      const { text, done } = await simulator.chunks({ model: 'simulator', messages })
      t.equal(prefix + text, whole)
      t.ok(done)
    }
  }
})

t.test('a text that is not ours is continued with the part that is missing', async (t) => {
  const tokens = tokenize('one two three four')
  t.same(continueAnswer(tokens, 'eins zwei', 1, false), [' three', ' four'])
  t.same(continueAnswer(tokens, 'a b c d e f', 1, false), [' four'], 'at least one token')
  t.same(continueAnswer(tokens, 'something', 1, true), [' two', ' three', ' four'])
})

t.test('with variation each word says where it stands and which call it came from', async (t) => {
  const simulator = await startSimulator(t)
  await simulator.control({ vary: true })
  const marks = (text: string) =>
    [...text.matchAll(/\[(\d+)\.(\d+)\]/g)].map(([, at, call]) => [Number(at), Number(call)])
  const first = await simulator.text(ask('hi'))
  const second = (await simulator.chunks(ask('hi'))).text
  t.not(first, second)
  t.same(new Set(marks(first).map(([, call]) => call)), new Set([1]))
  t.same(new Set(marks(second).map(([, call]) => call)), new Set([2]))
  t.same(
    marks(first).map(([at]) => at),
    marks(first).map((_mark, index) => index + 1)
  )
  t.equal(first.replace(/\[\d+\.\d+\]/g, ''), second.replace(/\[\d+\.\d+\]/g, ''))
  t.match(await simulator.text(ask('[[sim:vary]] hi')), /\[1\.3\]/)

  const half = first.slice(0, first.indexOf('[5.1]') + 5)
  const messages = [...ask('hi').messages, { role: 'assistant', content: half }]
  const rest = await simulator.text({ model: 'simulator', messages })
  t.same(
    marks(half + rest).map(([at]) => at),
    marks(first).map(([at]) => at),
    'a continuation misses nothing and says nothing twice'
  )
  t.same(marks(half + rest).slice(4, 6), [
    [5, 1],
    [6, 4]
  ])
})

t.test('a marked answer is continued from any place to a text with every word once', async (t) => {
  const tokens = tokenize('The quick 棕色 fox [jumps] over 1.2 dogs')
  const whole = mark(tokens, 7).join('')
  const plain = (text: string) => text.replace(/\[\d+\.\d+\]/g, '')
  for (let length = 0; length <= whole.length; length++) {
    const prefix = whole.slice(0, length)
    const rest = continueMarked(tokens, 12, prefix)
    t.equal(plain(prefix + rest?.join('')), tokens.join(''), `after ${JSON.stringify(prefix)}`)
  }
  t.equal(continueMarked(tokens, 12, 'Another text'), undefined)
  t.equal(continueMarked(tokens, 12, `${whole}more`), undefined)
  t.equal(continueMarked(tokens, 12, 'The[1.x'), undefined)
})
