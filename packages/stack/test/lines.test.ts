import t from 'tap'
import { createLineSplitter, createTail } from '../src/lines.ts'

function split(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = []
  const splitter = createLineSplitter((line) => lines.push(line))
  for (const chunk of chunks) splitter.write(Buffer.from(chunk))
  splitter.end()
  return lines
}

t.test('lines come out whole wherever the chunks are cut', async (t) => {
  t.same(split('a\nb', 'c\r\n', '\nd'), ['a', 'bc', '', 'd'])
  const text = Buffer.from('回退\n状态')
  for (let at = 0; at <= text.length; at++) t.same(split(text.subarray(0, at), text.subarray(at)), ['回退', '状态'])
})

t.test('a line without end is passed on in pieces', async (t) => {
  const lines = split('x'.repeat(150_000))
  t.same(
    lines.map((line) => line.length),
    [65_536, 65_536, 18_928]
  )
})

t.test('a tail keeps the newest lines only', async (t) => {
  const tail = createTail(2)
  for (const line of ['a', 'b', 'c']) tail.push(line)
  t.same(tail.lines, ['b', 'c'])
})
