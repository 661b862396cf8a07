import fc from 'fast-check'
import t from 'tap'
import { chooseServer, parseLogPosition, type ReadVerdict } from '../../src/reads/choose-server.ts'

const REPLICA: ReadVerdict = { server: 'replica', reason: 'caught_up' }
const BEHIND: ReadVerdict = { server: 'primary', reason: 'behind' }
const NOT_A_REPLICA: ReadVerdict = { server: 'primary', reason: 'not_a_replica' }
const WAIT: ReadVerdict = { server: 'wait' }

t.test('the table of who answers a read', async (t) => {
  const table: [text: string, standby: boolean, replayed: bigint | null, waitedMs: number, verdict: ReadVerdict][] = [
    ['a replica that is exactly there answers', true, 100n, 0, REPLICA],
    ['one that is further answers', true, 101n, 0, REPLICA],
    ['one that is one byte behind is waited for', true, 99n, 0, WAIT],
    ['but not for longer than the limit', true, 99n, 20, BEHIND],
    ['one that caught up in the last moment answers', true, 100n, 25, REPLICA],
    ['one that has repeated nothing is waited for', true, null, 19.9, WAIT],
    ['and not for longer', true, null, 20, BEHIND],
    ['a server that takes writes never answers', false, 100n, 0, NOT_A_REPLICA],
    ['however far it is', false, 10_000n, 0, NOT_A_REPLICA],
    ['nor one that never was a replica', false, null, 0, NOT_A_REPLICA]
  ]
  for (const [text, standby, replayed, waitedMs, verdict] of table) {
    t.strictSame(chooseServer(100n, { standby, replayed }, waitedMs, 20), verdict, text)
  }
})

t.test('no replica ever answers before it has repeated what was written', async (t) => {
  const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const property = fc.property(position, position, fc.boolean(), fc.nat(), (written, replayed, standby, waitedMs) => {
    const { server } = chooseServer(written, { standby, replayed }, waitedMs, 20)
    return (server === 'replica') === (standby && replayed >= written)
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('log positions are compared as numbers, not as texts', async (t) => {
  t.equal(parseLogPosition('0/0'), 0n)
  t.equal(parseLogPosition('16/B374D848'), 0x16_b374_d848n)
  t.ok(parseLogPosition('10/0') > parseLogPosition('9/FFFFFFFF'))
  t.ok(parseLogPosition('0/10') > parseLogPosition('0/F'))
  for (const text of ['', '16', '16/', '/1', '16/G', '123456789/0', '1/2/3', '-1/2']) {
    t.throws(() => parseLogPosition(text), { name: 'TypeError', message: /16\/B374D848/ }, JSON.stringify(text))
  }
})
