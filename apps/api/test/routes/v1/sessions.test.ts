import t from 'tap'
import { v7 as uuid } from 'uuid'
import { buildTestApp } from '../../helpers/build-test-app.ts'

t.test('sessions', async (t) => {
  const test = await buildTestApp(t)
  const { app } = test
  const acme = await test.createOrganization('acme')
  const service = acme.member.headers
  const anna = { ...service, 'x-user-id': 'anna' }
  const ben = { ...service, 'x-user-id': 'ben' }

  type Headers = Record<string, string>
  const get = (url: string, headers: Headers) => app.inject({ url: `/api/v1${url}`, headers })
  const post = (payload: object, headers: Headers) =>
    app.inject({ method: 'POST', url: '/api/v1/sessions', headers, payload })
  const create = async (headers: Headers, payload: object = {}) =>
    (await post(payload, headers)).json().data.id as string
  const list = async (headers: Headers) =>
    (await get('/sessions', headers)).json().data.map((session: { id: string }) => session.id) as string[]

  await t.test('an empty session is created with the default agent', async (t) => {
    const answer = await post({ title: 'Plans' }, anna)
    t.equal(answer.statusCode, 201)
    const { data } = answer.json()
    const agents = await app.db.selectFrom('agents').select(['id', 'slug']).where('org_id', '=', acme.id).execute()
    t.match(data, { title: 'Plans', status: 'active', agentId: agents.find(({ slug }) => slug === 'default')?.id })
    t.same(await get(`/sessions/${data.id}`, anna).then((one) => one.json()), { success: true, data })
    const other = await post({ agentId: 'assistant' }, anna)
    t.equal(other.json().data.agentId, agents.find(({ slug }) => slug === 'assistant')?.id)
  })

  await t.test('an unknown agent is a 404 that names the field, and nothing is stored', async (t) => {
    const before = await list(service)
    const answer = await post({ agentId: 'nobody' }, anna)
    t.equal(answer.statusCode, 404)
    t.match(answer.json().error, { code: 'NOT_FOUND', details: [{ path: 'agentId' }] })
    t.same(await list(service), before)
  })

  await t.test('a user sees its own sessions, the service all of them', async (t) => {
    const [first, second] = [await create(anna), await create(ben)]
    t.ok((await list(anna)).includes(first))
    t.notOk((await list(anna)).includes(second))
    t.ok((await list(ben)).includes(second))
    const all = await list(service)
    t.ok(all.includes(first) && all.includes(second))
    for (const url of [`/sessions/${first}`, `/sessions/${first}/messages`]) {
      t.equal((await get(url, ben)).statusCode, 404, url)
      t.equal((await get(url, service)).statusCode, 200, url)
    }
  })

  await t.test('a list is walked by cursors, newest first, without gaps or repeats', async (t) => {
    const headers = { ...service, 'x-user-id': 'carl' }
    const ids: string[] = []
    for (let count = 0; count < 7; count++) ids.push(await create(headers))
    const seen: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 4; pages++) {
      const answer = await get(`/sessions?limit=3${cursor}`, headers)
      const { data, meta } = answer.json()
      seen.push(...data.map((session: { id: string }) => session.id))
      t.equal(meta.hasMore, meta.nextCursor !== null)
      if (!meta.hasMore) break
      cursor = `&cursor=${meta.nextCursor}`
    }
    t.same(seen, ids.reverse())
  })

  await t.test('a cursor that is none is a 400, also one of another list', async (t) => {
    const headers = { ...service, 'x-user-id': 'carl' }
    const { meta } = (await get('/sessions?limit=1', headers)).json()
    const [session] = await list(headers)
    for (const url of [
      '/sessions?cursor=x',
      `/sessions?cursor=${'x'.repeat(501)}`,
      `/sessions/${session}/messages?cursor=${meta.nextCursor}`
    ]) {
      const answer = await get(url, headers)
      t.equal(answer.statusCode, 400, url)
      t.equal(answer.json().error.code, 'VALIDATION_FAILED')
    }
    for (const limit of ['0', '101', '-1', '1.5', 'x', '']) {
      t.equal((await get(`/sessions?limit=${limit}`, headers)).statusCode, 400, `limit ${limit}`)
    }
  })

  await t.test('a title is changed and taken away', async (t) => {
    const id = await create(anna, { title: 'old' })
    const patch = (payload: object, headers: Headers) =>
      app.inject({ method: 'PATCH', url: `/api/v1/sessions/${id}`, headers, payload })
    t.equal((await patch({ title: '新的标题 🙂' }, anna)).json().data.title, '新的标题 🙂')
    t.equal((await patch({ title: 'mine' }, ben)).statusCode, 404)
    t.equal((await patch({ title: null }, anna)).json().data.title, null)
    for (const title of ['', ' ', 'a\0b', 'x'.repeat(201), 7]) {
      t.equal((await patch({ title }, anna)).statusCode, 400, JSON.stringify(title))
    }
    t.equal((await patch({}, anna)).statusCode, 400)
    t.equal((await patch({ title: 'x', status: 'y' }, anna)).statusCode, 400, 'unknown fields are refused')
  })

  await t.test('a deleted session is gone for everybody', async (t) => {
    const id = await create(anna)
    const remove = (headers: Headers) => app.inject({ method: 'DELETE', url: `/api/v1/sessions/${id}`, headers })
    t.equal((await remove(ben)).statusCode, 404)
    const answer = await remove(anna)
    t.equal(answer.statusCode, 204)
    t.equal(answer.body, '')
    t.equal((await remove(anna)).statusCode, 404)
    for (const headers of [anna, service]) {
      t.equal((await get(`/sessions/${id}`, headers)).statusCode, 404)
      t.equal((await get(`/sessions/${id}/messages`, headers)).statusCode, 404)
      t.notOk((await list(headers)).includes(id))
    }
  })

  await t.test('messages come newest first, page by page', async (t) => {
    const id = await create(anna)
    for (let turn = 0; turn < 3; turn++) await storeTurn(id, turn)
    const first = (await get(`/sessions/${id}/messages?limit=4`, anna)).json()
    const rest = (await get(`/sessions/${id}/messages?limit=4&cursor=${first.meta.nextCursor}`, anna)).json()
    const contents = [...first.data, ...rest.data].map((message: { content: string }) => message.content)
    t.same(contents, ['answer 2', 'question 2', 'answer 1', 'question 1', 'answer 0', 'question 0'])
    t.same(rest.meta, { nextCursor: null, hasMore: false })
    t.match(first.data[0], { seq: 6, role: 'assistant', status: 'complete', executionId: String, createdAt: String })
  })

  async function storeTurn(sessionId: string, turn: number): Promise<void> {
    const msecs = Date.now()
    const executionId = uuid({ msecs })
    const messageId = uuid({ msecs })
    const accepted = await app.turnWriter.accept({
      executionId,
      orgId: acme.id,
      userId: null,
      userScope: null,
      sessionId,
      newSession: false,
      agentId: null,
      userMessageId: uuid({ msecs }),
      assistantMessageId: messageId,
      content: `question ${turn}`,
      createdAt: msecs,
      owner: 'test',
      historyLimit: 0
    })
    if (accepted.kind !== 'accepted') throw new Error(accepted.kind)
    await app.turnWriter.finish({
      executionId,
      orgId: acme.id,
      sessionId,
      messageId,
      status: 'completed',
      messageStatus: 'complete',
      content: `answer ${turn}`,
      mode: 'direct_llm',
      attempts: 1,
      model: 'test',
      latencyMs: 1
    })
  }
})
