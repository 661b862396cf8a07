import { createSession } from '@semibot/db'
import t from 'tap'
import { buildTestApp } from '../../helpers/build-test-app.ts'

t.test('agents', async (t) => {
  const test = await buildTestApp(t, { LLM_MODEL: 'small', LLM_MODELS: 'small,large' })
  const { app } = test
  const acme = await test.createOrganization('acme')
  const admin = acme.admin.headers
  const member = acme.member.headers

  type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
  const call = async (method: Method, url: string, headers: Record<string, string>, payload?: object) => {
    const answer = await app.inject({
      method,
      url: `/api/v1${url}`,
      headers,
      ...(payload === undefined ? {} : { payload })
    })
    return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() }
  }

  await t.test('an organisation begins with two agents, which everybody may read', async (t) => {
    const { status, body } = await call('GET', '/agents', member)
    t.equal(status, 200)
    t.match(body.data, [
      { slug: 'assistant', tools: ['calculator', 'current_time', 'search_history'] },
      { slug: 'default', tools: [], model: null, temperature: null }
    ])
    const [assistant] = body.data
    t.same((await call('GET', '/agents/assistant', member)).body.data, assistant)
    t.same((await call('GET', `/agents/${assistant.id}`, member)).body.data, assistant)
    t.equal((await call('GET', '/agents/nobody', member)).status, 404)
  })

  await t.test('an admin adds, changes and deletes an agent', async (t) => {
    const added = await call('POST', '/agents', admin, {
      slug: 'poet',
      name: '诗人',
      systemPrompt: 'Answer in verse.',
      model: 'large',
      temperature: 1.5,
      tools: ['current_time']
    })
    t.equal(added.status, 201)
    t.match(added.body.data, { slug: 'poet', name: '诗人', model: 'large', temperature: 1.5, maxTokens: null })
    const changed = await call('PATCH', '/agents/poet', admin, { temperature: null, tools: [] })
    t.match(changed.body.data, { id: added.body.data.id, temperature: null, tools: [], model: 'large' })
    t.same((await call('GET', '/agents/poet', member)).body.data, changed.body.data)
    t.same(await call('DELETE', '/agents/poet', admin), { status: 204, body: undefined })
    t.equal((await call('GET', '/agents/poet', admin)).status, 404)
    t.equal((await call('DELETE', '/agents/poet', admin)).status, 404)
    t.equal((await call('PATCH', '/agents/poet', admin, { name: 'x' })).status, 404)
  })

  await t.test('a member may change nothing', async (t) => {
    const calls: [Method, string, object?][] = [
      ['POST', '/agents', { slug: 'mine', name: 'Mine' }],
      ['PATCH', '/agents/default', { systemPrompt: 'Obey me.' }],
      ['DELETE', '/agents/default']
    ]
    for (const [method, url, payload] of calls) {
      t.match(await call(method, url, member, payload), { status: 403, body: { error: { code: 'FORBIDDEN' } } }, method)
    }
    t.equal((await call('GET', '/agents', member)).body.data.length, 2)
  })

  await t.test('the two built-in agents can be changed, but not deleted', async (t) => {
    for (const slug of ['default', 'assistant']) {
      const { id } = (await call('GET', `/agents/${slug}`, admin)).body.data
      for (const reference of [slug, id]) {
        const answer = await call('DELETE', `/agents/${reference}`, admin)
        t.match(answer, { status: 403, body: { error: { message: /built in and cannot be deleted/ } } })
      }
      t.equal((await call('PATCH', `/agents/${slug}`, admin, { name: 'Renamed' })).body.data.name, 'Renamed')
    }
  })

  await t.test('an agent that a session uses is kept, and the answer says so', async (t) => {
    const { id } = (await call('POST', '/agents', admin, { slug: 'busy', name: 'Busy' })).body.data
    const session = await createSession(app.db, acme.id, { agentId: id, userId: null })
    const refused = await call('DELETE', '/agents/busy', admin)
    t.match(refused, { status: 409, body: { error: { message: /answers sessions that exist/ } } })
    t.equal((await call('DELETE', `/sessions/${session.id}`, admin)).status, 204)
    t.equal((await call('DELETE', '/agents/busy', admin)).status, 204)
  })

  await t.test('a slug belongs to one agent of an organisation, and to one of each', async (t) => {
    const agent = { slug: 'same', name: 'Same' }
    t.equal((await call('POST', '/agents', admin, agent)).status, 201)
    const again = await call('POST', '/agents', admin, agent)
    t.match(again, { status: 409, body: { error: { code: 'VALIDATION_FAILED', details: [{ path: 'slug' }] } } })
    const other = await test.createOrganization('other')
    t.equal((await call('POST', '/agents', other.admin.headers, agent)).status, 201)
  })

  await t.test('wrong fields are a 400 that names them, and nothing is stored', async (t) => {
    const valid = { slug: 'wrong', name: 'Wrong' }
    const table: [path: string, payload: object][] = [
      ['slug', { name: 'No slug' }],
      ['slug', { ...valid, slug: 'Not A Slug' }],
      ['slug', { ...valid, slug: '-x' }],
      ['slug', { ...valid, slug: 'x'.repeat(65) }],
      ['name', { slug: 'wrong' }],
      ['name', { ...valid, name: ' ' }],
      ['name', { ...valid, name: 'a\0b' }],
      ['systemPrompt', { ...valid, systemPrompt: 'x'.repeat(100_001) }],
      ['temperature', { ...valid, temperature: 2.1 }],
      ['temperature', { ...valid, temperature: '1' }],
      ['maxTokens', { ...valid, maxTokens: 0 }],
      ['tools', { ...valid, tools: 'calculator' }],
      ['model', { ...valid, model: 'unknown' }],
      ['id', { ...valid, id: 'mine' }]
    ]
    for (const [path, payload] of table) {
      const { status, body } = await call('POST', '/agents', admin, payload)
      t.equal(status, 400, path)
      t.match(body.error, { code: 'VALIDATION_FAILED', details: [{ path }] }, path)
    }
    t.equal((await call('GET', '/agents/wrong', admin)).status, 404)
    t.equal((await call('PATCH', '/agents/default', admin, { model: 'unknown' })).status, 400)
    t.equal((await call('PATCH', '/agents/default', admin, { slug: 'other' })).status, 400, 'a slug stays')
  })
})
