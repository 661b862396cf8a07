import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes of the end of the log that are looked at. */
const TAIL_BYTES = 1024 * 1024

/** The different texts about the runtime that the api has logged since a moment, oldest first; none without a log. */
export function runtimeLogLines(home: string, since: number): string[] {
  let text: string
  try {
    text = readFileSync(join(home, 'logs/api.log')).subarray(-TAIL_BYTES).toString()
  } catch {
    return []
  }
  const lines = text.split('\n').flatMap((line) => parse(line) ?? [])
  const about = lines.filter(({ time, msg }) => Date.parse(time) >= since && /自动回退|RuntimeAdapter.*失败/.test(msg))
  return [...new Set(about.map(({ msg }) => msg))]
}

function parse(line: string): { time: string; msg: string } | undefined {
  try {
    const { time, msg } = JSON.parse(line) as { time: unknown; msg: unknown }
    return typeof time === 'string' && typeof msg === 'string' ? { time, msg } : undefined
  } catch {
    // The first line of the tail may be cut.
    return undefined
  }
}
