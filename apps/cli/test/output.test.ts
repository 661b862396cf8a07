import { spawn } from 'node:child_process'
import t from 'tap'
import { describeFailure } from '../src/failure.ts'
import { renderTable, showTime } from '../src/table.ts'
import { PACKAGE } from './fixtures/semibot.ts'

t.test('a table aligns wide characters and ends without trailing spaces', async (t) => {
  const table = renderTable(
    ['A', 'B'],
    [
      ['中文', 'x'],
      ['abcd', ''],
      ['é', 'y']
    ],
    'none'
  )
  t.equal(table, 'A     B\n中文  x\nabcd\né     y\n')
  t.equal(renderTable(['A'], [], 'nothing here'), 'nothing here\n')
})

t.test('times are UTC to the second', async (t) => {
  t.equal(showTime(new Date('2026-11-22T10:04:28.123Z')), '2026-11-22 10:04:28Z')
  t.equal(showTime(null), '-')
})

const ERRORS: readonly [error: unknown, message: string | RegExp][] = [
  [new Error('first\nsecond'), 'first'],
  [new TypeError(''), 'TypeError'],
  ['text', 'text'],
  [Object.assign(new Error('relation "x" does not exist'), { code: '42P01' }), /; run: semibot db migrate$/],
  [Object.assign(new Error('denied'), { code: '42501' }), /; the role of DATABASE_URL may not do this$/]
]

for (const [error, message] of ERRORS) {
  t.test(`${String(error).replaceAll('\n', ' / ')} is told as ${message}`, async (t) => {
    t.match(describeFailure(error), { message, exitCode: 1 })
  })
}

t.test('a reader that goes away early is not a failure', async (t) => {
  const command = `"${process.execPath}" --conditions=@semibot/source "${PACKAGE}src/main.ts" config example | head -1; echo "\${PIPESTATUS[0]}"`
  const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { promise, resolve } = Promise.withResolvers<number | null>()
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
  child.on('close', resolve)
  await promise
  t.match(output, /^# Configuration of Semibot.*\n0\n$/)
  t.equal(errors, '')
})
