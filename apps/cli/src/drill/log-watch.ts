import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** A line that a service has logged. */
export interface LoggedLine {
  /** Milliseconds since 1970. */
  at: number
  /** Text of `msg`. */
  text: string
}

export interface LogWatch {
  /** Lines since a moment whose text matches, oldest first. */
  find(pattern: RegExp, since: number): LoggedLine[]
}

/** Read at once, and kept: a drill logs far less. */
const MAX_BYTES = 64 * 1024 * 1024
const MAX_LINES = 200_000

/** Follows a log of JSON lines; what cannot be read yet has no lines yet. */
export function watchLog(path: string): LogWatch {
  const lines: LoggedLine[] = []
  let offset = 0
  let rest = ''

  function readOn(): void {
    let file: number
    try {
      file = openSync(path, 'r')
    } catch {
      return
    }
    try {
      const bytes = Buffer.alloc(Math.min(fstatSync(file).size - offset, MAX_BYTES))
      offset += readSync(file, bytes, 0, bytes.length, offset)
      const whole = rest + bytes.toString()
      const end = whole.lastIndexOf('\n') + 1
      rest = whole.slice(end)
      for (const line of whole.slice(0, end).split('\n')) take(line)
    } finally {
      closeSync(file)
    }
  }

  function take(line: string): void {
    if (line === '' || lines.length >= MAX_LINES) return
    const { time, msg } = JSON.parse(line) as { time: string; msg: string }
    lines.push({ at: Date.parse(time), text: msg })
  }

  return {
    find: (pattern, since) => {
      readOn()
      return lines.filter(({ at, text }) => at >= since && pattern.test(text))
    }
  }
}
