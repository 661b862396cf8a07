import { z } from 'zod'
import { defineTool, ToolError } from './tool.ts'

/** The time now in one zone, as ISO 8601 with offset, weekday and zone name. */
export function createCurrentTime(now: () => number = Date.now) {
  return defineTool({
    name: 'current_time',
    description:
      'Tells the current date, time and weekday. Give an IANA time zone such as Asia/Shanghai or Europe/Berlin; UTC when left out.',
    source: 'builtin',
    effect: 'none',
    timeoutMs: 1_000,
    maxOutputBytes: 256,
    inputSchema: z.object({
      timeZone: z.string().min(1).max(64).default('UTC').describe('IANA time zone, for example "Asia/Shanghai"')
    }),
    execute: async ({ timeZone }) => describe(now(), timeZone)
  })
}

function describe(time: number, timeZone: string): string {
  const parts = Object.fromEntries(
    formatter(timeZone)
      .formatToParts(time)
      .map(({ type, value }) => [type, value])
  )
  // `GMT+08:00`; some versions of the zone data write plain `GMT` for zero.
  const offset = (parts.timeZoneName ?? '').replace('GMT', '') || '+00:00'
  const { year, month, day, hour, minute, second, weekday } = parts
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${offset} (${weekday}, ${timeZone})`
}

function formatter(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      weekday: 'long',
      timeZoneName: 'longOffset'
    })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const message = `unknown time zone "${timeZone}"; give an IANA name such as Asia/Shanghai`
    throw new ToolError('TOOL_INPUT_INVALID', message, { cause: error })
  }
}
