import t from 'tap'
import { Attendance, NEVER_CONGESTED } from '../../src/engine/attendance.ts'
import { createSink } from '../helpers/sink.ts'

function slow() {
  const sink = createSink()
  sink.congested = true
  return sink
}

t.test('the fastest reader sets the pace', async (t) => {
  const attendance = new Attendance(() => undefined)
  t.equal(attendance.congested, false, 'nobody is there')
  const first = slow()
  attendance.enter(first)
  t.equal(attendance.congested, true, 'the only one is slow')
  const second = slow()
  const leave = attendance.enter(second)
  attendance.enter(NEVER_CONGESTED)
  t.equal(attendance.congested, false, 'one is fast')
  leave()
  t.equal(attendance.congested, false)
})

t.test('whoever waits is called once, as soon as one reader has caught up', async (t) => {
  const attendance = new Attendance(() => undefined)
  let called = 0
  attendance.onDrained(() => called++)
  t.equal(called, 1, 'at once when nobody is slow')

  const [first, second] = [slow(), slow()]
  attendance.enter(first)
  attendance.enter(second)
  attendance.onDrained(() => called++)
  t.equal(called, 1)
  second.drain()
  first.drain()
  t.equal(called, 2)

  const other = new Attendance(() => undefined)
  other.enter(NEVER_CONGESTED)
  other.onDrained(() => called++)
  t.equal(called, 3)
})

t.test('whoever waits for a slow reader goes on with one that comes later and is fast', async (t) => {
  const attendance = new Attendance(() => undefined)
  const stuck = slow()
  attendance.enter(stuck)
  let called = 0
  attendance.onDrained(() => called++)
  const late = slow()
  attendance.enter(late)
  t.equal(called, 0, 'it is slow itself')
  late.drain()
  t.equal(called, 1)

  late.congested = true
  attendance.onDrained(() => called++)
  attendance.enter(NEVER_CONGESTED)
  t.equal(called, 2, 'at once')
  stuck.drain()
  late.drain()
  t.equal(called, 2, 'and once')
})

t.test('when the last one has left, somebody is told', async (t) => {
  let empty = 0
  const attendance = new Attendance(() => empty++)
  const leaveFirst = attendance.enter(NEVER_CONGESTED)
  const leaveSecond = attendance.enter(NEVER_CONGESTED)
  leaveFirst()
  leaveFirst()
  t.equal(empty, 0, 'not before')
  leaveSecond()
  leaveSecond()
  t.equal(empty, 1, 'and only once')
})
