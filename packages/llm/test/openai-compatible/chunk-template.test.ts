import fc from 'fast-check'
import t from 'tap'
import { ChunkTemplate } from '../../src/openai-compatible/chunk-template.ts'

const chunk = (content: unknown, more: object = {}, id = 'chatcmpl-1') =>
  JSON.stringify({ id, choices: [{ index: 0, delta: { content }, finish_reason: null, ...more }] })

t.test('what differs in its text alone is read without being parsed', async (t) => {
  const template = new ChunkTemplate()
  t.equal(template.textOf(chunk('Hello')), undefined, 'nothing is known yet')
  template.learn(chunk('Hello'), 'Hello')
  for (const text of [' world', '你好 😀', 'a'.repeat(5000), '{}:,']) t.equal(template.textOf(chunk(text)), text)
})

t.test('whatever else a chunk says has to be parsed', async (t) => {
  const template = new ChunkTemplate()
  template.learn(chunk('Hello'), 'Hello')
  for (const other of [
    chunk(''),
    chunk('say "hi"'),
    chunk('two\nlines'),
    chunk('back\\slash'),
    chunk('x', { finish_reason: 'stop' }),
    chunk('x', {}, 'chatcmpl-2'),
    chunk('x').replace('}]}', '}],"usage":{}}'),
    chunk('x","role":"tool'),
    chunk('x').slice(0, -1),
    chunk(['x']),
    ''
  ]) {
    t.equal(template.textOf(other), undefined, other)
  }
})

t.test('a chunk in which the text stands elsewhere teaches nothing', async (t) => {
  for (const data of [
    '{"choices":[{"delta":{"content": "hi"},"echo":{"content":"hi"}}]}',
    '{"choices":[{"delta":{"content":"hi","content":"hi"}}]}',
    '{"choices":[{"delta":{"content":"h\\u0069"}}]}',
    '{"choices":[{"delta":{"refusal":"hi"}}]}'
  ]) {
    const template = new ChunkTemplate()
    template.learn(data, 'hi')
    t.equal(template.textOf(data), undefined, data)
  }
})

t.test('a stream whose chunks differ each time is soon left alone', async (t) => {
  const template = new ChunkTemplate()
  for (let count = 0; count < 4; count++) template.learn(chunk('x', {}, `id-${count}`), 'x')
  template.learn(chunk('x', {}, 'same'), 'x')
  t.equal(template.textOf(chunk('y', {}, 'same')), undefined)
})

t.test('any chunks are read as JSON.parse reads them', async (t) => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('"', '\\', '\u007f', '\u2028'))
  const shape = fc.constantFrom(
    (content: string) => chunk(content),
    (content: string) => chunk(content, { logprobs: null }),
    (content: string) => JSON.stringify({ choices: [{ delta: { content, x: { content: 'y' } } }] }),
    (content: string) => JSON.stringify({ x: { content: 'y' }, choices: [{ delta: { content } }] }),
    (content: string) => JSON.stringify({ choices: [{ delta: { content } }] }, null, 1)
  )
  let known = 0
  fc.assert(
    fc.property(fc.array(fc.tuple(shape, text), { maxLength: 20 }), (chunks) => {
      const template = new ChunkTemplate()
      for (const [write, content] of chunks) {
        const data = write(content)
        const parsed = JSON.parse(data).choices[0].delta.content
        const read = template.textOf(data)
        if (read !== undefined) known++
        if (read !== undefined && read !== parsed) return false
        if (read === undefined && parsed !== '') template.learn(data, parsed)
      }
      return true
    }),
    { numRuns: 500 }
  )
  t.ok(known > 100, `${known} of them by the template`)
})
