import t from 'tap'
import { createSearchHistory, type HistorySearch, HistoryUnavailable } from '../../src/tools/search-history.ts'
import { toolContext } from '../helpers/tool-context.ts'

const AT = new Date('2026-11-22T10:00:00Z')
const context = toolContext({ userId: 'user-1', userMessage: 'Search for the colour' })

function found(excerpt: string, overrides: Partial<{ sessionId: string; role: string }> = {}) {
  return { sessionId: 'other', role: 'user', excerpt, createdAt: AT, ...overrides }
}

t.test('search_history', async (t) => {
  const searches: HistorySearch[] = []
  const tool = createSearchHistory(async (search) => {
    searches.push(search)
    return [
      found('Search for the colour', { sessionId: context.sessionId }),
      found('my favourite colour is green'),
      found('colour', { sessionId: context.sessionId, role: 'assistant' })
    ]
  })

  const results = await tool.execute({ query: 'colour', limit: 2 }, context)
  t.same(
    searches,
    [{ orgId: context.orgId, userId: 'user-1', query: 'colour', limit: 3 }],
    'looks only through messages of this organisation and user'
  )
  t.same(
    results,
    [
      { role: 'user', time: AT.toISOString(), text: 'my favourite colour is green', sameSession: false },
      { role: 'assistant', time: AT.toISOString(), text: 'colour', sameSession: true }
    ],
    'leaves out the question itself'
  )

  const long = `${'word '.repeat(100)}end`
  const longContext = toolContext({ userMessage: `before ${long} after` })
  const longTool = createSearchHistory(async () => [found(`…${long}…`, { sessionId: longContext.sessionId })])
  t.same(await longTool.execute({ query: 'word', limit: 5 }, longContext), [], 'also when only a part of it was found')

  const short = createSearchHistory(async () => [found('red', { sessionId: context.sessionId })])
  const asked = toolContext({ userMessage: 'did I say red?' })
  t.equal(
    ((await short.execute({ query: 'red', limit: 5 }, asked)) as unknown[]).length,
    1,
    'but not an earlier message'
  )
})

t.test('search_history without a database says so to the model', async (t) => {
  const tool = createSearchHistory(async () => {
    throw new HistoryUnavailable('down')
  })
  await t.rejects(tool.execute({ query: 'x', limit: 5 }, context), {
    name: 'ToolError',
    code: 'TOOL_UNAVAILABLE',
    message: 'the message history cannot be searched at the moment'
  })

  const broken = createSearchHistory(async () => {
    throw new TypeError('a defect')
  })
  await t.rejects(broken.execute({ query: 'x', limit: 5 }, context), { name: 'TypeError' }, 'a defect stays a defect')
})
