/** Lowest pino level of each name. */
const LEVELS: [number, string, string][] = [
  [60, 'FATAL', '\u001b[35m'],
  [50, 'ERROR', '\u001b[31m'],
  [40, 'WARN', '\u001b[33m'],
  [30, 'INFO', '\u001b[32m'],
  [20, 'DEBUG', '\u001b[34m'],
  [0, 'TRACE', '\u001b[90m']
]
const RESET = '\u001b[0m'
const DIM = '\u001b[2m'
const HIDDEN = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'name'])

// What could move the cursor, hide text or turn its direction round: C0 without tab, C1, bidirectional controls.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * One line of a process as a person reads it: `10:02:03.123 api   INFO  text key=value`. A JSON line of our services is
 * taken apart, any other line is shown as it is; control characters are shown as \xNN.
 */
export function formatLine(name: string, line: string, options: { color: boolean; width: number }): string {
  const paint = (code: string, text: string): string => (options.color ? `${code}${text}${RESET}` : text)
  const prefix = paint(DIM, name.padEnd(options.width))
  const record = parse(line)
  if (!record) return `${prefix} ${safe(line)}`
  const [, level, code] = LEVELS.find(([lowest]) => levelOf(record.level) >= lowest) ?? [0, 'INFO', '']
  const fields = Object.entries(record).flatMap(([key, value]) => (HIDDEN.has(key) ? [] : show(key, value)))
  const text = safe(String(record.msg ?? ''))
  const tail = fields.length === 0 ? '' : ` ${paint(DIM, fields.join(' '))}`
  return `${prefix} ${paint(DIM, clock(record.time))} ${paint(code, level.padEnd(5))} ${text}${tail}`
}

/** Our services write a level by its name, others by pino's number. */
function levelOf(level: unknown): number {
  return LEVELS.find(([, name]) => name === String(level).toUpperCase())?.[0] ?? Number(level)
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const record = JSON.parse(line) as Record<string, unknown>
    return 'level' in record && 'time' in record ? record : undefined
  } catch {
    return undefined
  }
}

function show(key: string, value: unknown): string[] {
  if (value === undefined || value === null || value === '') return []
  if (isErrorRecord(value)) {
    const stack = (value.stack ?? '').split('\n').slice(1, 6)
    return [`${safe(key)}=${quoted(value.message)}`, ...stack.map((frame) => `\n        ${safe(frame.trim())}`)]
  }
  return [`${safe(key)}=${typeof value === 'object' ? safe(JSON.stringify(value)) : quoted(String(value))}`]
}

function isErrorRecord(value: unknown): value is { message: string; stack?: string } {
  return typeof value === 'object' && value !== null && typeof (value as { message?: unknown }).message === 'string'
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? safe(text) : safe(JSON.stringify(text))
}

function safe(text: string): string {
  return text.replaceAll(UNSAFE, (found) => {
    const code = found.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

function clock(time: unknown): string {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN)
  if (Number.isNaN(date.getTime())) return ''
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'))
  return `${parts.join(':')}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
