import { createDatabase, findApiKeyByHash, hashApiKey, listAgents } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import t from 'tap'
import { json, semibot, semibotHere } from './fixtures/semibot.ts'

interface Org {
  id: string
  slug: string
  name: string
}

t.test('an organisation is created with its agents, listed, and cannot be created twice', async (t) => {
  const url = await createTestDatabase(t)
  const env = { DATABASE_URL: url }
  t.match(await semibotHere(['orgs', 'list'], env), { code: 0, stdout: /^There is no organisation/ })

  const created = json<Org>(await semibot(['orgs', 'create', 'acme', '--name', '中文 Acme', '--json'], env))
  t.match(created, { slug: 'acme', name: '中文 Acme' })
  const plain = await semibotHere(['orgs', 'create', 'beta'], env)
  t.match(plain, { code: 0, stdout: /^[0-9a-f-]{36}\n$/, stderr: /semibot keys create beta/ })

  const again = await semibotHere(['orgs', 'create', 'acme'], env)
  t.match(again, { code: 1, stdout: '', stderr: 'semibot: slug: "acme" exists already\n' })

  const table = await semibot(['orgs', 'list'], env)
  t.match(table.stdout, /^SLUG +ID +NAME +STATE +CREATED\nbeta .*\nacme .*中文 Acme {2}active .*Z\n$/)
  t.match(
    json<Org[]>(await semibotHere(['orgs', 'list', '--json'], env)).map(({ slug }) => slug),
    ['beta', 'acme']
  )
  t.equal(json<Org[]>(await semibotHere(['orgs', 'list', '--json', '--limit', '1'], env)).length, 1)

  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
  t.teardown(close)
  t.same((await listAgents(db, created.id)).map(({ slug }) => slug).toSorted(), ['assistant', 'default'])
})

t.test('more organisations than a page are all listed', async (t) => {
  const url = await createTestDatabase(t)
  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
  t.teardown(close)
  const rows = Array.from({ length: 205 }, (_unused, index) => ({
    id: `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`,
    slug: `org-${index}`,
    name: 'x'
  }))
  await db.insertInto('organizations').values(rows).execute()
  const slugs = json<Org[]>(await semibotHere(['orgs', 'list', '--json'], { DATABASE_URL: url })).map(
    ({ slug }) => slug
  )
  t.equal(new Set(slugs).size, 205)
})

t.test('a key is printed once, works by its hash, is listed without its secret, and ends when revoked', async (t) => {
  const url = await createTestDatabase(t)
  const env = { DATABASE_URL: url }
  const org = json<Org>(await semibotHere(['orgs', 'create', 'acme', '--json'], env))

  const created = await semibot(['keys', 'create', 'acme', '--name', 'ci', '--role', 'admin'], env)
  t.match(created, { code: 0, stdout: /^sb_[0-9a-z]{12}_[0-9A-Za-z]{43,}\n$/ }, 'standard output is the key alone')
  const key = created.stdout.trim()
  const secret = key.split('_')[2]!
  const id = key.split('_')[1]!
  t.notMatch(created.stderr, secret)

  const { db, close } = createDatabase({ url, max: 1, applicationName: 'semibot-test' })
  t.teardown(close)
  t.match(await findApiKeyByHash(db, hashApiKey(key)), { orgId: org.id, orgSlug: 'acme', role: 'admin', keyId: id })

  const list = await semibot(['keys', 'list', org.id], env)
  t.match(list.stdout, new RegExp(`^ID +NAME +ROLE .*\\n${id}  ci +admin .* -  +-\\n$`), 'by id as well as by slug')
  const asJson = await semibotHere(['keys', 'list', 'acme', '--json'], env)
  t.match(json(asJson), [{ id, name: 'ci', role: 'admin', revokedAt: null }])
  t.notMatch(list.stdout + asJson.stdout, secret)

  t.match(await semibotHere(['keys', 'revoke', 'acme', id], env), { code: 0, stdout: `Revoked key ${id} of acme.\n` })
  t.equal(await findApiKeyByHash(db, hashApiKey(key)), undefined)
  const again = await semibot(['keys', 'revoke', 'acme', key], env)
  t.match(again, {
    code: 1,
    stderr: /^semibot: acme has no active key "[0-9a-z]{12}"; semibot keys list acme shows all\n$/
  })
  t.notMatch(again.stderr, secret, 'a pasted key is not repeated')

  const other = json<{ role: string; key: string }>(await semibotHere(['keys', 'create', 'acme', '--json'], env))
  t.match(other, { role: 'member', key: /^sb_/ }, 'member is the default')
})

t.test('a key of another organisation cannot be revoked', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t) }
  for (const slug of ['acme', 'beta']) await semibotHere(['orgs', 'create', slug], env)
  const { id } = json<{ id: string }>(await semibotHere(['keys', 'create', 'beta', '--json'], env))
  t.match(await semibotHere(['keys', 'revoke', 'acme', id], env), { code: 1, stderr: /acme has no active key/ })
})

t.test('an unknown organisation is named', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t) }
  const id = '01a202b6-de2b-7782-8a32-85ffa6c8fab2'
  for (const args of [
    ['create', 'nobody'],
    ['list', 'nobody'],
    ['revoke', 'nobody', 'x'],
    ['list', id]
  ]) {
    const { code, stderr } = await semibotHere(['keys', ...args], env)
    t.match(
      { code, stderr },
      { code: 1, stderr: `semibot: there is no organisation "${args[1]}"; semibot orgs list shows all\n` }
    )
  }
})
