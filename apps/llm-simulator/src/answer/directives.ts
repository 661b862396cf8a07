/** What a message asks of the simulator itself: `[[sim:cut=5]]`, several at once as `[[sim:delay=50 gap=0]]`. */
const DIRECTIVE = /\[\[sim:([\s\S]{0,4000}?)\]\]/g
/** Takes the rest of its brackets as it stands, spaces included. */
const TEXT_DIRECTIVE = /^\s*(say|call|plan)=([\s\S]*)$/

export type Directives = ReadonlyMap<string, string>

/** All directives of a text, the later of two winning, and the text without them. */
export function parseDirectives(text: string): { directives: Directives; rest: string } {
  if (!text.includes('[[sim:')) return { directives: new Map(), rest: text }
  const directives = new Map<string, string>()
  const rest = text.replace(DIRECTIVE, (_match, body: string) => {
    const whole = TEXT_DIRECTIVE.exec(body)
    if (whole !== null) {
      directives.set(whole[1]!, whole[2]!)
      return ''
    }
    for (const part of body.trim().split(/[\s,]+/)) {
      if (part === '') continue
      const equals = part.indexOf('=')
      if (equals === -1) directives.set(part, '')
      else directives.set(part.slice(0, equals), part.slice(equals + 1))
    }
    return ''
  })
  return { directives, rest: rest.trim() }
}

/** A directive's number, between 0 and `max`; `fallback` when it was given without one or with nonsense. */
export function directiveNumber(directives: Directives, name: string, fallback: number, max: number): number {
  const value = directives.get(name)
  if (value === undefined || !/^\d{1,9}$/.test(value)) return fallback
  return Math.min(Number(value), max)
}
