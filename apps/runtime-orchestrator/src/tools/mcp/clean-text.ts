/** Control and format characters, by which text can look other than it is; line ends and tabs stay. */
const INVISIBLE = /[^\P{C}\n\t]/gu

/** Foreign text fit to be read: well formed, without invisible characters, cut to a length in UTF-16 units. */
export function cleanText(text: string, maxLength: number): string {
  // What is thrown away is little; no more than that is looked at.
  const cleaned = text
    .slice(0, maxLength * 2)
    .toWellFormed()
    .replace(INVISIBLE, '')
  return cleaned.length <= maxLength ? cleaned : `${cleaned.slice(0, maxLength - 1).toWellFormed()}…`
}

/** The same text with every secret hidden. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text)
}

/** For the log: an error may quote what a server sent, or what was sent to it. Only its kind and its message stay. */
export function hiddenError(error: unknown, secrets: readonly string[]): Error {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: 'unknown error' }
  const hidden = new Error(hideSecrets(cleanText(message, 500), secrets))
  hidden.name = name
  return hidden
}
