import t from 'tap'
import { createTurnWriter, ensureUser, searchMessages } from '../src/index.ts'
import { searchTerms } from '../src/search-terms.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { runTurn } from './helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())

t.test('a query is cut into the words that say something', (t) => {
  for (const [query, expected] of [
    ['refund policy', ['refund', 'policy']],
    ['  What is my ORDER-number? ', ['what', 'order', 'number']],
    ['昨天的退款', ['昨天', '退款']],
    ['退款 policy', ['退款', 'policy']],
    ['的', ['的']],
    ['is it', ['is', 'it']],
    ['room 42', ['room', '42']],
    ['a a a', ['a']],
    ['', []],
    ['?!。 😀', []]
  ] as const) {
    t.strictSame(searchTerms(query), expected, query)
  }
  t.equal(searchTerms('one two three four five six seven eight nine ten eleven').length, 8)
  t.end()
})

t.test('a search', async (t) => {
  const organization = await addOrganization(database)
  const { orgId } = organization
  const [ann, bob] = await Promise.all([ensureUser(db, orgId, 'ann'), ensureUser(db, orgId, 'bob')])
  const asAnn = { userId: ann, userScope: ann }
  const chinese = await runTurn(writer, organization, { ...asAnn, content: '我昨天申请了退款' }, { content: '请稍等' })
  await runTurn(writer, organization, { ...asAnn, content: 'My Refund is late' }, { content: 'Which refund policy?' })
  await runTurn(writer, organization, { ...asAnn, content: '100% _sure_ about C:\\temp' }, { content: 'Yes' })
  await runTurn(writer, organization, { userId: bob, userScope: bob, content: 'refund for Bob' }, { content: 'No' })
  const found = async (query: string, user: string | null = ann, limit = 10) =>
    (await searchMessages(db, orgId, user, query, limit)).map(({ excerpt }) => excerpt)

  t.strictSame(await found('退款'), ['我昨天申请了退款'])
  t.strictSame(await found('退款昨天'), ['我昨天申请了退款'], 'in any order')
  t.strictSame(await found('REFUND'), ['Which refund policy?', 'My Refund is late'], 'in any case, the newest first')
  t.strictSame(await found('refund policy'), ['Which refund policy?', 'My Refund is late'], 'the best match first')
  t.strictSame(await found('refund', null), ['refund for Bob', 'Which refund policy?', 'My Refund is late'])
  t.strictSame(await found('refund', ann, 1), ['Which refund policy?'])
  t.strictSame(await found('C:\\temp'), ['100% _sure_ about C:\\temp'])
  for (const query of ['', '%', '_', "' or true --", 'nothing like it']) t.strictSame(await found(query), [], query)

  const [match] = await searchMessages(db, orgId, ann, '退款', 10)
  t.match(match, { id: chinese.userMessageId, sessionId: chinese.sessionId, role: 'user', score: 1, createdAt: Date })

  const long = `${'lorem ipsum '.repeat(500)}the needle here${' dolor sit'.repeat(500)}`
  await runTurn(writer, organization, { ...asAnn, content: long }, { content: 'ok' })
  const [excerpt] = await found('needle')
  t.equal(excerpt?.length, 600)
  t.match(excerpt, /the needle here/)
})

t.test('a search looks at the newest messages of a session only', async (t) => {
  const organization = await addOrganization(database)
  const user = await ensureUser(db, organization.orgId, 'ann')
  const asUser = { userId: user, userScope: user }
  const { sessionId } = await runTurn(writer, organization, { ...asUser, content: 'needle of the past' })
  const found = async () => (await searchMessages(db, organization.orgId, user, 'needle', 10)).length
  t.equal(await found(), 2)
  for (let index = 0; index < 50; index++) await runTurn(writer, organization, { ...asUser, sessionId })
  t.equal(await found(), 0)
})
