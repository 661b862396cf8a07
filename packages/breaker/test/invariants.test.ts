import fc from 'fast-check'
import t from 'tap'
import { noCounts } from '../src/rolling-window.ts'
import { createKeeper, exchange, type Keeper, type Message, type Reply } from '../src/state/exchange.ts'
import { createNumbering, knownOf, pauseMs, propertyRuns, RULES, type Step, step } from './helpers/messages.ts'

const START = 1_750_000_000_000
const NUM_RUNS = propertyRuns(1500)

interface Moment {
  step: Step
  message: Message
  now: number
  before: Keeper['record']
  reply: Reply
}

/** Plays a sequence and shows each moment to `look`, which gives what is wrong with it, or ''. */
function play(steps: Step[], look: (moment: Moment, past: Moment[]) => string): void {
  const keeper = createKeeper(START, RULES)
  const number = createNumbering()
  const past: Moment[] = []
  let now = START
  for (const each of steps) {
    now += each.afterMs
    const before = keeper.record
    const known = knownOf(each, before, now)
    const message = { ...each.message, replica: each.replica, ...number(each), known }
    const moment = { step: each, message, now, before, reply: exchange(keeper, message, now, RULES) }
    const wrong = look(moment, past)
    if (wrong !== '') throw new Error(`step ${past.length}: ${wrong}`)
    past.push(moment)
  }
}

function holds(name: string, look: (moment: Moment, past: Moment[]) => string, steps = step): void {
  t.test(name, (t) => {
    const property = fc.property(fc.array(steps, { minLength: 3, maxLength: 60 }), (sequence) => play(sequence, look))
    t.doesNotThrow(() => fc.assert(property, { numRuns: NUM_RUNS }))
    t.end()
  })
}

/** Nobody knows of a newer state than the keeper. */
const honest = step.map((each): Step => ({ ...each, knows: each.knows === 'older' ? 'older' : 'current' }))

holds('I1: the epoch never goes back', ({ before, reply }) =>
  reply.record.epoch >= before.epoch ? '' : `${before.epoch} -> ${reply.record.epoch}`
)

holds(
  'I2: open becomes closed only by trials, by a reset or by force',
  ({ reply }) => {
    for (const { from, record } of reply.changes) {
      if (record.state !== 'closed') continue
      if (record.rule === 'recovered' && from !== 'half_open') return `recovered from ${from}`
      if (from === 'open' && record.rule !== 'reset' && record.rule !== 'forced') return `closed by ${record.rule}`
    }
    return ''
  },
  honest
)

holds('I3: at most five permits are given in any lease', ({ now, reply }, past) => {
  const inLease = past.filter((moment) => now - moment.now < RULES.leaseMs)
  const given = inLease.reduce((total, moment) => total + moment.reply.granted, reply.granted)
  return given <= RULES.permits ? '' : `${given} permits in ${RULES.leaseMs} ms`
})

holds('I4: open lasts five minutes at most without a new trip', ({ step, now, before, reply }) => {
  if (step.late) return ''
  const { state, force, since, until } = reply.record
  if (state !== 'open' || force !== null) return ''
  if (until - now > RULES.backoffMaxMs) return `trials only in ${until - now} ms`
  if (reply.changes.length === 0 && before.epoch === reply.record.epoch && now >= until) return `open since ${since}`
  return ''
})

holds('I5: fewer than ten samples never trip by rate', ({ reply }) => {
  for (const { record, counts, from } of reply.changes) {
    if (from !== 'closed' || record.state !== 'open') continue
    if (['error_rate', 'timeout_rate', 'latency'].includes(record.rule) && counts.samples < 10)
      return `${counts.samples}`
  }
  return ''
})

t.test('I7: what began in an older epoch changes nothing', (t) => {
  const property = fc.property(fc.array(honest, { minLength: 3, maxLength: 60 }), (sequence) => {
    const [full, stripped] = [createKeeper(START, RULES), createKeeper(START, RULES)]
    const number = createNumbering()
    let now = START
    for (const each of sequence) {
      now += each.afterMs
      const known = knownOf(each, full.record, now)
      const message = { ...each.message, replica: each.replica, ...number(each), known }
      const isStale = known.epoch < full.record.epoch
      const nothing = { counts: noCounts(), succeeded: 0, failed: 0, vote: '' as const, healthRecovered: false }
      const a = exchange(full, message, now, RULES)
      const b = exchange(stripped, isStale ? { ...message, ...nothing } : message, now, RULES)
      if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(`${JSON.stringify(a)} is not ${JSON.stringify(b)}`)
    }
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: NUM_RUNS }))
  t.end()
})

t.test('I9: a minority never opens the cluster, a strict majority does', (t) => {
  const property = fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(9), fc.boolean(), (size, wish, afterReset) => {
    const open = Math.min(wish, size)
    const keeper = createKeeper(START, RULES)
    const say = (replica: number, round: number, vote: Message['vote'], command: Message['command'] = null) =>
      exchange(
        keeper,
        {
          replica: `replica-${replica}`,
          attempt: round,
          part: round,
          counts: noCounts(),
          succeeded: 0,
          failed: 0,
          command,
          isRepeated: false,
          wanted: 0,
          vote,
          healthRecovered: false,
          jitter: 0,
          known: keeper.record,
          leaving: false
        },
        START + round * 250 + replica,
        RULES
      )
    // The dissenters speak first in every round: also the very first time, and right after a reset.
    let round = 0
    const speakAll = (rounds: number) => {
      for (let end = round + rounds; round < end; round++) {
        for (let replica = 0; replica < size; replica++) say(replica, round + 1, replica < open ? 'unavailable' : '')
        if (keeper.record.state !== 'closed') return
      }
    }
    if (afterReset) {
      for (let warm = 0; warm < 8; warm++, round++) for (let r = 0; r < size; r++) say(r, round + 1, '')
      say(0, ++round, '', { type: 'reset', actor: 'operator' })
      round++
    }
    speakAll(12)
    return (keeper.record.state === 'open') === open * 2 > size
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: NUM_RUNS }))
  t.end()
})

t.test('I9: replicas that are gone do not count', (t) => {
  const keeper = createKeeper(START, RULES)
  const quiet = {
    ...{ counts: noCounts(), succeeded: 0, failed: 0, command: null, wanted: 0, healthRecovered: false },
    ...{ jitter: 0, leaving: false, isRepeated: false }
  }
  const say = (replica: string, number: number, afterMs: number, vote: Message['vote'], leaving = false) =>
    exchange(
      keeper,
      { ...quiet, replica, attempt: number, part: number, vote, known: keeper.record, leaving },
      START + afterMs,
      RULES
    )
  for (let number = 1; number <= 8; number++) for (const name of ['a', 'b', 'c']) say(name, number, number * 250, '')
  t.equal(say('a', 9, 2250, 'unavailable').record.state, 'closed', 'one of three')
  say('b', 9, 2260, '', true)
  t.equal(say('a', 10, 2500, 'unavailable').record.state, 'closed', 'one of two is no strict majority')
  t.equal(say('a', 11, 5100, 'unavailable').record.state, 'open', 'the third has been silent for three seconds')
  t.end()
})

t.test('I13: a reset sticks whatever comes from before it, and twice is the same as once', (t) => {
  const later = fc.array(fc.record({ each: honest, pause: pauseMs }), { maxLength: 30 })
  const property = fc.property(fc.array(honest, { maxLength: 30 }), later, (sequence, stale) => {
    const keeper = createKeeper(START, RULES)
    const number = createNumbering()
    let now = START
    const send = (each: Step, change: Partial<Message>) => {
      now += each.afterMs
      const message = { ...each.message, replica: each.replica, ...number(each), known: keeper.record, ...change }
      return exchange(keeper, message, now, RULES)
    }
    for (const each of sequence) send(each, {})
    const old = keeper.record
    const reset = (each: Step) =>
      send({ ...each, samePart: false, late: false }, { command: { type: 'reset', actor: 'o' }, isRepeated: false })
    const first = stale[0]?.each
    if (first === undefined) return true
    reset({ ...first, afterMs: 0 })
    const once = keeper.record
    for (const { each } of stale) send(each, { known: old, command: null })
    if (keeper.record !== once && JSON.stringify(keeper.record) !== JSON.stringify(once))
      throw new Error('did not stick')
    reset({ ...first, afterMs: 0 })
    const { epoch, since, ...twice } = keeper.record
    return (
      JSON.stringify(twice) === JSON.stringify({ ...once, epoch: undefined, since: undefined }) &&
      epoch === once.epoch + 1
    )
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: NUM_RUNS }))
  t.end()
})

holds(
  'I14: a force beats the evidence and ends in time',
  ({ step, now, before, message, reply }) => {
    if (step.late || before.force === null) return ''
    if (now >= before.force.until) return reply.record.force === before.force ? 'still forced' : ''
    if (message.command !== null) return ''
    return reply.record === before ? '' : `forced ${before.state} became ${reply.record.state}`
  },
  honest
)
