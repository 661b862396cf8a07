import t from 'tap'
import type { LoadMessage } from '../src/figures/load/chat-load.ts'
import { checkAnswer } from '../src/figures/load/check-answer.ts'

const fixed: LoadMessage = { content: '', answer: 'one two three', alternative: 'four', varies: false }
const varying: LoadMessage = { content: '', answer: 'one two three', varies: true }

t.test('a fixed answer is right to the last byte, or wrong', (t) => {
  t.equal(checkAnswer('one two three', fixed).problem, '')
  t.equal(checkAnswer('four', fixed).problem, '')
  for (const text of ['', 'one two thre', 'one two three ', 'one two threefour', 'one one two three']) {
    t.match(checkAnswer(text, fixed).problem, /^another text/, text)
  }
  t.end()
})

t.test('a varying answer may be continued by one other call, and by nobody else', (t) => {
  const cases: [string, string | RegExp, number][] = [
    ['one[1.7] two[2.7] three[3.7]', '', 1],
    ['one[1.7] two[2.7] three[3.9]', '', 2],
    ['one[1.7] two[2.9] three[3.7]', 'a text of 3 pieces', 3],
    ['one[1.7] two[2.8] three[3.9]', 'a text of 3 pieces', 3],
    ['one[1.7] two[2.7] one[1.9] two[2.9] three[3.9]', 'word 1 at place 3', 1],
    ['one[1.7] three[3.7]', 'word 3 at place 2', 1],
    ['one[1.7] two[2.7] ', /^another text/, 1],
    ['one[1.7] two[2.7] tree[3.7]', /^another text/, 1],
    ['one two three', 'a text of 0 pieces', 0]
  ]
  for (const [text, problem, writers] of cases) t.match(checkAnswer(text, varying), { problem, writers }, text)
  t.end()
})
