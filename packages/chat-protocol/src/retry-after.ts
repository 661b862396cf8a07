type Headers = Record<string, string | string[] | undefined>

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/**
 * How long a server asks to wait, in milliseconds: `retry-after-ms`, or `retry-after` as seconds or as a
 * date (RFC 9110, section 10.2.3). Undefined when there is none or it makes no sense; never negative.
 */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const milliseconds = first(headers['retry-after-ms'])?.trim()
  if (milliseconds !== undefined && /^\d{1,12}(\.\d+)?$/.test(milliseconds)) return Math.round(Number(milliseconds))
  const value = first(headers['retry-after'])?.trim()
  if (value === undefined) return undefined
  if (/^\d{1,9}(\.\d+)?$/.test(value)) return Math.round(Number(value) * 1000)
  // Date.parse takes almost anything; every HTTP date begins with the name of a day.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return undefined
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
