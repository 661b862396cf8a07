import t from 'tap'
import { traceparentOf } from '../../src/chat/trace-context.ts'

const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

t.test('a valid trace context is kept', async (t) => {
  t.equal(traceparentOf(VALID), VALID)
})

t.test('without a valid one, a new one is made', async (t) => {
  const bad = [
    undefined,
    '',
    'x',
    VALID.toUpperCase(),
    VALID.replace('0af7', '0AF7'),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    `${VALID}-extra`,
    `01${VALID.slice(2)}`,
    [VALID, VALID]
  ]
  for (const header of bad) {
    const made = traceparentOf(header)
    t.match(made, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    t.not(made, header)
  }
  t.not(traceparentOf(undefined), traceparentOf(undefined))
})
