/** Whether a text is to be answered in Chinese. */
export function isChinese(text: string): boolean {
  return /\p{Script=Han}/u.test(text)
}

/** A text in one line and at most `max` code points long, for use inside a sentence. */
export function quote(text: string, max = 200): string {
  const line = text.replace(/\s+/g, ' ').trim()
  const characters = Array.from(line.slice(0, max * 2 + 2))
  return characters.length > max ? `${characters.slice(0, max).join('')}…` : line
}
