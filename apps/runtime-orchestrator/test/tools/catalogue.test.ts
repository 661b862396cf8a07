import t from 'tap'
import { BUILTIN_TOOLS, createBuiltinTools } from '../../src/tools/builtin-tools.ts'
import { createToolCatalogue } from '../../src/tools/catalogue.ts'
import type { Tool, ToolSource } from '../../src/tools/tool.ts'

const ORG = '019ab000-0000-7000-8000-000000000002'

function makeSource(owned: RegExp, names: string[]) {
  const asked: string[] = []
  const state = { closed: false }
  const tools = names.map((name) => ({ name, description: String(owned) }) as Tool)
  const source: ToolSource = {
    tools: (orgId) => {
      asked.push(orgId)
      return tools
    },
    owns: (name) => owned.test(name),
    close: async () => {
      state.closed = true
    }
  }
  return { source, asked, state }
}

t.test('the tools of one agent', async (t) => {
  const files = makeSource(/^files__/, ['files__read', 'files__write'])
  const mail = makeSource(/^(mail__|files__read$)/, ['mail__send', 'files__read'])
  const catalogue = createToolCatalogue([files.source, mail.source])
  const select = async (...names: string[]) => [...(await catalogue.select(ORG, names)).keys()]

  t.same(await select('files__write'), ['files__write'], 'are those that it names')
  t.same(mail.asked, [], 'and a source without any of them is not asked')
  t.same(await select('files__*'), ['files__read', 'files__write'], 'also by prefix')
  t.same(await select('files__gone', 'mail__send'), ['mail__send'], 'without those that are not there now')
  t.same(await select(), [])
  t.equal(
    (await catalogue.select(ORG, ['files__read'])).get('files__read')?.description,
    '/^files__/',
    'the first wins'
  )
  t.ok(files.asked.every((orgId) => orgId === ORG))

  t.same(catalogue.unknown(['files__gone', 'mail__x', 'rm', '*']), ['rm', '*'], 'names of no source are unknown')
  await catalogue.close()
  t.same([files.state.closed, mail.state.closed], [true, true])
})

t.test('the built-in tools', async (t) => {
  const source = createBuiltinTools({ searchHistory: async () => [] })
  const tools = await source.tools(ORG)
  t.same(
    tools.map(({ name }) => name),
    BUILTIN_TOOLS
  )
  for (const { name, effect, timeoutMs, maxOutputBytes, inputSchema } of tools) {
    t.ok(source.owns(name), name)
    t.equal(effect, 'none')
    t.ok(timeoutMs > 0 && maxOutputBytes > 0, 'have their bounds')
    t.match(inputSchema.json, { type: 'object' })
  }
  t.notOk(source.owns('rm'))
  await source.close()
})

t.test('a star stands for at most as many tools as a model server takes', async (t) => {
  const { source } = makeSource(
    /^many__/,
    Array.from({ length: 300 }, (_unused, index) => `many__t${index}`)
  )
  const chosen = await createToolCatalogue([source]).select(ORG, ['many__*'])
  t.equal(chosen.size, 128)
})
