/** What processes have logged, counted by message: bounded, however long they run. */
export interface LogBook {
  /** One line of a process; to be given to whoever starts it. */
  write(line: string): void
  /** How often a message was logged: the exact text of `msg`, or a pattern for it. */
  count(message: string | RegExp): number
  /** When it was logged from `since` on, milliseconds since 1970, oldest first; at least the newest 20,000 of each text. */
  times(message: string | RegExp, since?: number): number[]
  /** The newest 100 lines of level error or fatal, and lines that are no JSON. */
  readonly problems: readonly string[]
}

/** Texts told apart; what comes beyond them is not kept. */
const MAX_TEXTS = 2000
const MAX_TIMES = 20_000
const MAX_PROBLEMS = 100

/** A book for the lines of one process or of several. A number before `ms` is not part of a text. */
export function createLogBook(): LogBook {
  const texts = new Map<string, { count: number; times: number[] }>()
  const problems: string[] = []

  function keep(line: string): void {
    problems.push(line)
    if (problems.length > MAX_PROBLEMS) problems.shift()
  }

  function matching(message: string | RegExp): { count: number; times: number[] }[] {
    if (typeof message === 'string') return [texts.get(normal(message)) ?? { count: 0, times: [] }]
    return [...texts].flatMap(([text, entry]) => (message.test(text) ? [entry] : []))
  }

  return {
    problems,
    write(line) {
      const record = parse(line)
      if (record === undefined) return keep(line)
      if (record.level === 'error' || record.level === 'fatal') keep(line)
      const text = normal(record.msg)
      let entry = texts.get(text)
      if (entry === undefined) {
        if (texts.size >= MAX_TEXTS) return
        entry = { count: 0, times: [] }
        texts.set(text, entry)
      }
      entry.count++
      entry.times.push(record.time)
      if (entry.times.length >= 2 * MAX_TIMES) entry.times.splice(0, MAX_TIMES)
    },
    count: (message) => matching(message).reduce((sum, entry) => sum + entry.count, 0),
    times: (message, since = 0) =>
      matching(message)
        .flatMap((entry) => entry.times.filter((time) => time >= since))
        .sort((a, b) => a - b)
  }
}

function normal(text: string): string {
  return text.replace(/\d+ms\b/, 'Nms')
}

function parse(line: string): { level: unknown; msg: string; time: number } | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const { level, msg, time } = JSON.parse(line) as Record<string, unknown>
    const at = typeof time === 'number' ? time : Date.parse(String(time))
    return typeof msg === 'string' ? { level, msg, time: at } : undefined
  } catch {
    return undefined
  }
}
