// Texts that are read out of JSON without parsing it.

/** What JSON does not write as it is: RFC 8259, section 7. */
const NOT_PLAIN = /["\\\p{Cc}]/u

/** Whether JSON writes the text as it is, between two quotes. */
export function isPlainJson(text: string): boolean {
  return !NOT_PLAIN.test(text)
}

/** The text without the piece that it was cut from, which it would keep in memory for as long as it lives itself. */
export function withoutParent(text: string): string {
  return ` ${text}`.slice(1)
}
