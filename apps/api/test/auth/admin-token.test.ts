import t from 'tap'
import { createAdminTokenCheck } from '../../src/auth/admin-token.ts'

t.test('any token of the list is accepted, so that it can be rotated', async (t) => {
  const isAdmin = createAdminTokenCheck(['old-token', 'new-token'])
  t.equal(isAdmin('old-token'), true)
  t.equal(isAdmin('new-token'), true)
})

t.test('everything else is refused', async (t) => {
  const isAdmin = createAdminTokenCheck(['token'])
  for (const presented of ['', 'toke', 'token2', 'TOKEN', 'token,token']) t.equal(isAdmin(presented), false, presented)
})

t.test('without a configured token nobody is the operator', async (t) => {
  const isAdmin = createAdminTokenCheck([])
  t.equal(isAdmin(''), false)
  t.equal(isAdmin('undefined'), false)
})
