import t from 'tap'
import { createCurrentTime } from '../../src/tools/current-time.ts'
import { toolContext } from '../helpers/tool-context.ts'

const MOMENT = Date.UTC(2026, 10, 22, 23, 5, 9)

const TIMES: [timeZone: string, text: string][] = [
  ['UTC', '2026-11-22T23:05:09+00:00 (Sunday, UTC)'],
  ['Asia/Shanghai', '2026-11-23T07:05:09+08:00 (Monday, Asia/Shanghai)'],
  ['America/New_York', '2026-11-22T18:05:09-05:00 (Sunday, America/New_York)'],
  ['Asia/Kolkata', '2026-11-23T04:35:09+05:30 (Monday, Asia/Kolkata)']
]

t.test('current_time', async (t) => {
  const tool = createCurrentTime(() => MOMENT)
  for (const [timeZone, text] of TIMES)
    t.equal(
      await tool.execute({ timeZone }, toolContext()),
      text,
      `tells date, time, offset and weekday in ${timeZone}`
    )

  t.equal(
    await createCurrentTime(() => Date.UTC(2026, 0, 1)).execute({ timeZone: 'UTC' }, toolContext()),
    '2026-01-01T00:00:00+00:00 (Thursday, UTC)',
    'writes midnight as 00'
  )
  await t.rejects(
    tool.execute({ timeZone: 'Mars/Olympus' }, toolContext()),
    { code: 'TOOL_INPUT_INVALID', message: /unknown time zone "Mars\/Olympus"; give an IANA name/ },
    'refuses a zone that does not exist'
  )
  const withDefaults = tool.inputSchema.check({})
  t.match(
    await createCurrentTime().execute(withDefaults.success && withDefaults.data, toolContext()),
    /\(.*, UTC\)$/,
    'takes UTC when none is given'
  )
})
