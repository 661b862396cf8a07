import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeKeys } from '@semibot/config'
import t from 'tap'
import { codeSpans, fencedBlocks, linkTargets, shellBlocks, tableRows } from '../../src/docs/markdown.ts'
import { REPOSITORY_ROOT } from '../../src/paths.ts'
import { runCli } from '../../src/stack/run-cli.ts'
import { bareEnvironment } from '../../src/test/scope.ts'

// The README in two languages, held against the configuration and against each other.

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8')
const english = read('README.md')
const chinese = read('README.zh-CN.md')
const known = new Map(describeKeys().map((key) => [key.key, key]))

const LANGUAGES = [
  { page: 'README.md', text: english, settings: 'Settings', unset: 'unset', empty: 'empty' },
  { page: 'README.zh-CN.md', text: chinese, settings: '配置', unset: '未设置', empty: '空' }
]

for (const { page, text, settings, unset, empty } of LANGUAGES) {
  t.test(`the ten settings of ${page} are as packages/config has them`, async (t) => {
    const rows = tableRows(text, settings)
    t.equal(rows.length, 10)
    for (const [name = '', shown = '', meaning = ''] of rows) {
      const key = known.get(name.replaceAll('`', ''))
      if (!t.ok(key, `${name} is a key`)) continue
      t.ok(meaning.length > 5, `${name} is explained`)
      if (!key?.defaultIsLiteral) t.notMatch(shown, new RegExp(`^(\`[^\`]*\`|${unset}|${empty})$`), `${name} in words`)
      else if (key.default === undefined) t.equal(shown, unset, name)
      else t.equal(shown, key.default === '' ? empty : `\`${key.default}\``, name)
    }
  })

  t.test(`every key that ${page} names exists`, async (t) => {
    const names = codeSpans(text)
      .map((span) => span.replace(/=.*/, ''))
      .filter((span) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(span))
    t.ok(names.length > 14)
    t.strictSame(
      names.filter((name) => !known.has(name)),
      []
    )
  })

  t.test(`the ports and the state folder of ${page} are the defaults`, async (t) => {
    const picture = fencedBlocks(text)[0]?.text ?? ''
    t.match(picture, `api :${known.get('API_PORT')?.default} `)
    t.match(picture, `runtime :${known.get('RUNTIME_PORT')?.default} `)
    const addresses = codeSpans(text).filter((span) => span.startsWith('http://localhost:'))
    t.ok(addresses.length >= 2)
    t.ok(addresses.every((address) => address.startsWith(`http://localhost:${known.get('API_PORT')?.default}/`)))
    t.match(text, `source ${known.get('SEMIBOT_HOME')?.default}/dev.env\n`)
  })
}

t.test('both languages have the same commands, links and words in code', async (t) => {
  const commands = (text: string): string[] =>
    shellBlocks(text).map((block) => block.text.replaceAll(/ +#.*/g, '').trimEnd())
  t.ok(commands(english).length >= 5)
  t.strictSame(commands(chinese), commands(english))
  // A page that is there in both languages is linked in the reader's.
  const links = (text: string): string[] =>
    linkTargets(text)
      .filter((target) => !target.startsWith('README'))
      .map((target) => target.replace('.zh-CN.md', '.md'))
  t.strictSame(links(chinese), links(english))
  const spans = (text: string): string[] => codeSpans(text).sort((a, b) => a.localeCompare(b))
  t.strictSame(spans(chinese), spans(english))
})

t.test('every npm script that a page names exists', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const page of ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', 'docs/examples/README.md']) {
    const text = read(page)
    const code = [...codeSpans(text), ...fencedBlocks(text).map((block) => block.text)].join('\n')
    const named = [...code.matchAll(/\bnpm (?:run )?(?<script>[a-z]+)/g)].map(({ groups }) => groups?.script ?? '')
    t.strictSame(
      named.filter((script) => !scripts[script]),
      [],
      page
    )
  }
})

t.test('every semibot command that the README names exists', async (t) => {
  const commands = codeSpans(english).filter((span) => span.startsWith('npx semibot '))
  t.ok(commands.length >= 4)
  for (const command of commands) {
    const words = command.split(' ').slice(2)
    const help = await runCli([...words, '--help'], bareEnvironment())
    const { path = '', rest = '' } = /^Usage: semibot (?<path>[a-z ]+?)(?<rest> [[<].*|)$/m.exec(help)?.groups ?? {}
    // Else the help would be that of the group above a command that does not exist.
    const isWhole = path.split(' ').length >= Math.min(words.length, 2) || rest.includes('<')
    t.ok(path !== '' && words.join(' ').startsWith(path) && isWhole, command)
  }
})
