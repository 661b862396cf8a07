import t from 'tap'
import { createAdminTokenFinder } from '../../src/auth/admin-token.ts'

t.test('every token of the list is known by its place, so that it can be rotated', async (t) => {
  const nameOf = createAdminTokenFinder(['old-token', 'new-token'])
  t.equal(nameOf('old-token'), 'admin-1')
  t.equal(nameOf('new-token'), 'admin-2')
})

t.test('everything else is refused', async (t) => {
  const nameOf = createAdminTokenFinder(['token'])
  for (const presented of ['', 'toke', 'token2', 'TOKEN', 'token,token'])
    t.equal(nameOf(presented), undefined, presented)
})

t.test('without a configured token nobody is the operator', async (t) => {
  const nameOf = createAdminTokenFinder([])
  t.equal(nameOf(''), undefined)
  t.equal(nameOf('undefined'), undefined)
})
