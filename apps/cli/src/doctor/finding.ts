/** One line of `semibot doctor`. */
export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do about it. */
  readonly advice?: string
}

export function ok(check: string, message: string): Finding {
  return { check, state: 'ok', message }
}

export function warn(check: string, message: string, advice: string): Finding {
  return { check, state: 'warn', message, advice }
}

export function fail(check: string, message: string, advice: string): Finding {
  return { check, state: 'fail', message, advice }
}
