import { parseEnv } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { cleanValue, parseEnvFile } from '../src/env-file.ts'

const ONE_LINE: readonly [line: string, value: string][] = [
  ['K=value', 'value'],
  ['K = value ', 'value'],
  ['  export K=value', 'value'],
  ["export K='v w'", 'v w'],
  ['K="0.7"  # from 0.5', '0.7'],
  ["K='0.7'# from 0.5", "'0.7'# from 0.5"],
  ['K=0.7  # from 0.5', '0.7'],
  ['K=', ''],
  ['K= # only a comment', ''],
  ['K=#fff', '#fff'],
  ['K=a#b', 'a#b'],
  ['K="a # b"', 'a # b'],
  ["K='a \\n b'", 'a \\n b'],
  ['K="a\\nb\\t\\"c\\" \\\\ \\$d"', 'a\nb\t"c" \\ $d'],
  ['K="a\\xb"', 'a\\xb'],
  ["K='it'\\''s'", "it's"],
  ['K=`a "b"`', 'a "b"'],
  ['K="two\nlines" # end', 'two\nlines'],
  ['K=a=b', 'a=b'],
  ['K=it\'s "fine"', 'it\'s "fine"'],
  ['\uFEFFK=v', 'v'],
  ['K=v\r', 'v'],
  ['K=中文 # 注释', '中文']
]

for (const [line, value] of ONE_LINE) {
  t.test(`reads ${JSON.stringify(line)} as ${JSON.stringify(value)}`, async (t) => {
    t.equal(parseEnvFile(line).values.K, value)
    t.equal(parseEnvFile(`A=1\n${line.replace('\uFEFF', '')}\nB=2\n`).values.B, '2', 'the line after it is read too')
  })
}

t.test('counts lines over comments, CRLF and values of several lines', async (t) => {
  const { lines } = parseEnvFile('# one\r\n\r\nA="x\r\ny"\r\nB=1\n')
  t.same({ ...lines }, { A: 3, B: 5 })
})

t.test('reports a line that is not KEY=value, an open quote, text behind a quote and a repeated key', async (t) => {
  const { problems, values } = parseEnvFile("just words\nA=\"open\nB='x' y\nC=1\nC=2\n# fine\n\n")
  t.match(
    problems.map(({ line, key, kind }) => [line, key, kind]),
    [
      [1, undefined, 'syntax'],
      [2, 'A', 'quote'],
      [3, 'B', 'quote'],
      [5, 'C', 'repeated']
    ]
  )
  t.equal(values.C, '2', 'the last one counts')
})

t.test('a key named like a property of objects is only a key', async (t) => {
  const { values } = parseEnvFile('__proto__=x\nconstructor=y\n')
  t.same(Object.entries(values).sort(), [
    ['__proto__', 'x'],
    ['constructor', 'y']
  ])
  t.equal(({} as Record<string, unknown>).x, undefined)
})

const NAME = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,12}$/).filter((name) => name !== '__PROTO__')
// Never empty: after `KEY= ` node takes the next line for the value.
const PLAIN = fc.stringMatching(/^[A-Za-z0-9.:/@?=&%+_-]{1,30}$/)
const INNER = fc.stringMatching(/^[A-Za-z0-9 #.:/'`-]{0,30}$/)

t.test('agrees with node on files without escapes', async (t) => {
  const quoted = INNER.map((inner) => `"${inner}"`)
  const single = INNER.filter((inner) => !/'/.test(inner)).map((inner) => `'${inner}'`)
  const value = fc.oneof(PLAIN, quoted, single)
  const comment = fc.constantFrom('', ' # note', '   #note', ' ')
  const assignment = fc.record({ name: NAME, value, comment, prefix: fc.constantFrom('', 'export ') })
  const line = fc.oneof(
    assignment.map(({ name, value, comment, prefix }) => `${prefix}${name}=${value}${comment}`),
    fc.constantFrom('', '# a comment', '  ')
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), fc.constantFrom('\n', '\r\n'), (lines, eol) => {
      const text = lines.join(eol)
      t.strictSame({ ...parseEnvFile(text).values }, { ...parseEnv(text) }, JSON.stringify(text))
    }),
    { numRuns: 300 }
  )
})

t.test('any value survives being written in shell quotes and in double quotes', async () => {
  const value = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\r', ''))
  fc.assert(
    fc.property(NAME, value, (name, value) => {
      const shell = `export ${name}='${value.replaceAll("'", "'\\''")}'`
      const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
      const double = `${name}="${escaped}" # comment`
      return parseEnvFile(shell).values[name] === value && parseEnvFile(double).values[name] === value
    }),
    { numRuns: 500 }
  )
})

t.test('never throws, and reads the good lines around any garbage', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (garbage) => {
      const oneLine = garbage.replace(/[\r\n"'`]/g, '')
      parseEnvFile(garbage)
      return parseEnvFile(`FIRST=1\n${oneLine}\nLAST=2`).values.LAST === '2'
    }),
    { numRuns: 500 }
  )
})

const RAW: readonly [raw: string, comments: boolean, value: string][] = [
  ['"0.7"  # up from 0.5', true, '0.7'],
  ['"0.7"  # up from 0.5', false, '0.7'],
  ["'0.7'", true, '0.7'],
  ['0.7 # up', true, '0.7'],
  ['pass #word', false, 'pass #word'],
  ['  0.7 ', true, '0.7'],
  ['"', true, '"'],
  ['"a" and "b"', true, '"a" and "b"'],
  ['', true, '']
]

for (const [raw, comments, value] of RAW) {
  t.test(`cleans the raw ${JSON.stringify(raw)} (comments: ${comments}) to ${JSON.stringify(value)}`, async (t) => {
    t.equal(cleanValue(raw, comments), value)
  })
}
