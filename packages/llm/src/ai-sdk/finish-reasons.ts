/** Neither can stand inside of a JSON string: its quotes would be escaped. */
const NO_REASON = /("finish_reason"\s*:\s*)(?:""|"null")/g
const REASON = /"finish_reason"\s*:\s*"/
const DONE = /^data: ?\[DONE\]/m
const OTHER_REASON = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"other"}]}\n\n'

/**
 * Puts the finish reasons of one streamed completion right for the AI SDK, which takes any text for a reason, the last
 * one for the true one, and does not look at `[DONE]`. An answer is then whole, or broken off, as it is for the
 * openai-compatible provider: servers send '' or 'null' in every chunk until the answer ends, or `[DONE]` alone.
 */
export class FinishReasons {
  #told = false

  /** `lines`: the next whole lines. */
  correct(lines: Uint8Array): Uint8Array {
    // Byte by byte: what is not looked for is left as it is.
    const text = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString('latin1')
    let corrected = text.replace(NO_REASON, '$1null')
    this.#told ||= REASON.test(corrected)
    if (!this.#told) corrected = corrected.replace(DONE, `${OTHER_REASON}$&`)
    return corrected === text ? lines : Buffer.from(corrected, 'latin1')
  }
}
