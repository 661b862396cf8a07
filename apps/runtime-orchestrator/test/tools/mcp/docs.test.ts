import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RUNTIME_METRICS } from '@semibot/metrics'
import t from 'tap'
import { LOG } from '../../../src/constants/log-messages.ts'
import { MCP_LIMITS } from '../../../src/constants/mcp.ts'
import { httpEntrySchema, stdioEntrySchema } from '../../../src/tools/mcp/file-schema.ts'
import { readServersFile } from '../../../src/tools/mcp/read-servers-file.ts'
import { effectsFile, startMcp } from './fixtures/world.ts'

// What docs/mcp.md and docs/examples say of MCP, held against the code.

const DOCS = fileURLToPath(new URL('../../../../../docs/', import.meta.url))
const inherited = { PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
const PAGES = ['mcp.md', 'mcp.zh-CN.md'].map((name) => [name, readFileSync(join(DOCS, name), 'utf8')] as const)

t.test('the example works as it stands', async (t) => {
  const notes = effectsFile(t)
  const path = join(DOCS, 'examples/mcp-servers.json')
  const servers = readServersFile({ path, variables: (name) => ({ NOTES_FILE: notes.path })[name], inherited })
  const { call, until, names } = startMcp(t, ...servers)
  t.equal(await until('up', 'notes'), '2 tools')
  t.same(await names(), ['notes__read_notes', 'notes__add_note'])
  t.match(await call('notes__read_notes'), { result: { text: 'no notes yet' } })
  t.match(await call('notes__add_note', { text: 'buy tea' }), { result: { text: 'written down' } })
  t.same(notes.lines(), ['buy tea'])
})

for (const [name, text] of PAGES) {
  t.test(`the file of ${name} is accepted`, async (t) => {
    const path = join(dirname(effectsFile(t).path), 'mcp.json')
    writeFileSync(path, /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '')
    const servers = readServersFile({ path, variables: () => 'a-secret-value', inherited })
    t.same(
      servers.map((server) => server.name),
      ['files', 'tracker']
    )
  })

  t.test(`${name} has every setting, with its default and its range`, async (t) => {
    const rows = text.split('\n').filter((line) => line.startsWith('| `'))
    for (const key of new Set([...Object.keys(stdioEntrySchema.shape), ...Object.keys(httpEntrySchema.shape)]))
      t.ok(
        rows.some((row) => row.split('|')[1]?.includes(`\`${key}\``)),
        key
      )
    const { timeoutMs, outputBytes } = MCP_LIMITS
    for (const [key, { min, default: standard, max }] of Object.entries({ timeoutMs, maxOutputBytes: outputBytes })) {
      const row = rows.find((line) => line.startsWith(`| \`${key}\``)) ?? ''
      t.match(row, `| ${standard} |`)
      t.ok(row.includes(`${min} `) && row.includes(` ${max}`), row)
    }
  })

  t.test(`${name} has every metric`, async (t) => {
    for (const { name: metric, labels } of Object.values(RUNTIME_METRICS))
      if (metric.startsWith('runtime_mcp_')) t.match(text, `\`${metric}{${Object.keys(labels).join(',')}}\``)
  })
}

t.test('the log lines of the page are those of the code', async (t) => {
  const rows = PAGES[0]![1].split('\n').flatMap((line) => /^\| `(\[Runtime\] [^`]+)`/.exec(line)?.[1] ?? [])
  t.ok(rows.length >= 4)
  for (const row of rows) t.ok((Object.values(LOG) as string[]).includes(row), row)
})
